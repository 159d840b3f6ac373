"""A network from the evidence: every trial once, with all its arms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import bmac_meta as bm
from bmac_meta.errors import DisconnectedNetwork, InputError, PoolingRefused, UnknownWordError
from bmac_meta.evidence import Evidence
from bmac_meta.evidence.netting import comparing
from bmac_meta.evidence.splitting import arm_nodes, read_nodes
from bmac_meta.stats.shared_control import shared_control_covariance_smd


@pytest.fixture(scope="module")
def knee() -> Evidence:
    return bm.load().where(condition="knee_oa")


@pytest.fixture
def written(tmp_path) -> Callable[..., Evidence]:
    """Return a function that writes a small folder of trials and loads it."""

    def write(arms: pd.DataFrame, outcomes: pd.DataFrame) -> Evidence:
        arms.to_csv(tmp_path / "arms.csv", index=False)
        outcomes.to_csv(tmp_path / "outcomes.csv", index=False)
        return bm.load(tmp_path)

    return write


def small(
    *trials: tuple[str, dict[str, tuple[float, float, int]]], **fields: object
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return arms and outcomes of trials: by intervention mean, SD and n of pain at 6 months."""
    arms, outcomes = [], []
    for study, values in trials:
        for number, (intervention, (mean, sd, n)) in enumerate(values.items()):
            arm = f"arm{number}"
            arms.append({"study_id": study, "arm_id": arm, "intervention": intervention.partition("#")[0]})
            outcomes.append(
                {
                    "row_id": f"{study}.{arm}",
                    "study_id": study,
                    "arm_id": arm,
                    "outcome": "vas_pain",
                    "timepoint_months": 6,
                    "value_kind": "final",
                    "mean": mean,
                    "dispersion": sd,
                    "dispersion_kind": "sd",
                    "n": n,
                }
            )
    return pd.DataFrame(arms), pd.DataFrame(outcomes)


THREE = ("three", {"BMAC": (3.0, 1.5, 20), "PRP": (3.5, 1.4, 25), "SALINE": (5.0, 1.8, 22)})
TWO = ("two", {"PRP": (3.1, 1.2, 30), "SALINE": (4.0, 1.5, 31)})


def test_a_network_of_two_treatments_is_the_comparison(knee):
    whole = knee.network(on="pain", months=6, measured_as="final")
    pair = knee.compare("CORTICOSTEROID", "PRP", on="pain", months=6, measured_as="final")
    common = [study for study in pair.studies if study in whole.studies and study not in whole.multi_arm]
    net = whole.only("CORTICOSTEROID", "PRP")
    assert set(common) <= set(net.studies)
    pooled = net.only("CORTICOSTEROID", "PRP").without(*(set(net.studies) - set(common))).pool("PRP")
    alone = pair.where(study=common).pool(interval="wald")
    assert pooled.tidy()["estimate"].iloc[0] == pytest.approx(float(alone.fit.estimate), abs=1e-9)
    assert pooled.tidy()["se"].iloc[0] == pytest.approx(float(alone.fit.se), rel=1e-8)


def test_a_multi_arm_trial_enters_with_the_covariance_of_its_shared_arm(written):
    net = written(*small(THREE, TWO)).network(on="pain", months=6)
    assert net.multi_arm == ("three",)
    (block,) = (block for block in net.data.blocks if block.size == 3)
    names = [net.treatments[arm] for arm in block.arms[0]]
    sizes = {"BMAC": 20, "PRP": 25, "PLACEBO": 22}
    shared = shared_control_covariance_smd(
        estimate_a=block.effect[0, 0], estimate_b=block.effect[0, 1], n_control=sizes[names[0]], n_total=67
    )
    assert block.covariance[0, 0, 1] == pytest.approx(float(shared), rel=1e-12)


def test_two_arms_of_one_treatment_are_one_arm_of_the_network(written):
    doses = ("doses", {"PRP": (3.0, 1.0, 10), "PRP#high": (4.0, 1.0, 30), "SALINE": (5.0, 1.0, 40)})
    net = written(*small(doses, TWO)).network(on="pain", months=6, measure="MD")
    arm = net.arms[(net.arms["study"] == "doses") & (net.arms["treatment"] == "PRP")]
    assert arm[["mean", "n"]].to_numpy().tolist() == [[3.75, 40.0]]
    assert net.multi_arm == ()


def test_instruments_on_which_high_is_good_are_turned(written):
    arms, outcomes = small(TWO, THREE)
    good = outcomes["study_id"] == "three"
    outcomes["higher_is_better"] = np.where(good, "true", "false")
    outcomes.loc[good, "mean"] = 10 - outcomes.loc[good, "mean"]
    turned = written(arms, outcomes).network(on="pain", months=6)
    plain = written(*small(TWO, THREE)).network(on="pain", months=6)
    np.testing.assert_allclose(turned.pool().fit.estimate, plain.pool().fit.estimate, atol=1e-12)


def test_every_trial_stands_once_and_what_is_not_used_has_a_reason(knee):
    net = knee.network(on="pain", months=6)
    assert len(set(net.studies)) == len(net.studies)
    assert net.left_out["reason"].str.len().min() > 0
    joins = arm_nodes(knee, *read_nodes(knee, None))
    told = set(net.left_out["study"]) | set(net.studies)
    assert {knee.labels[study] for study in comparing(joins)} <= told


def test_every_trial_tells_how_it_was_made(knee):
    net = knee.network(on="function", months=6)
    assert set(net.steps["study"]) == set(net.studies)
    assert net.history(net.studies[0])["address"].iloc[0]
    with pytest.raises(UnknownWordError):
        net.history("Nobody 1999")


def test_patients_of_one_cohort_count_once(knee):
    net = knee.network(on="pain", months=6)
    cohorts = net.trials["study_id"].map(knee.cohorts)
    assert cohorts.is_unique


def test_one_kind_of_score_unless_both_are_asked_for_which_an_smd_refuses(knee):
    net = knee.network(on="pain", months=6)
    assert len(set(net.trials["measured_as"]) - {"not stated"}) == 1
    mixed = knee.network(on="pain", months=6, measured_as=None)
    assert {"final", "change"} <= set(mixed.trials["measured_as"])
    with pytest.raises(PoolingRefused, match="cannot be mixed"):
        mixed.part_with("PLACEBO").pool()


def test_parts_that_no_trial_links_are_reported_and_never_joined(knee):
    net = knee.network(on="pain", months=6)
    assert len(net.parts) > 1
    with pytest.raises(DisconnectedNetwork, match="part_with"):
        net.pool()
    assert net.part_with("placebo").pool().reference == "PLACEBO"


def test_platelet_rich_plasma_can_be_split_by_leucocytes(knee):
    net = knee.network(on="function", months=12, nodes="split_prp")
    assert {"LR_PRP", "LP_PRP"} & set(net.treatments)
    assert "LR-PRP" in net.names.values() or "LP-PRP" in net.names.values()
    assert any("prp_class" in rule for rule in net.question.rules)


def test_hyaluronic_acid_can_be_split_by_its_weight(knee):
    net = knee.network(on="pain", months=3, nodes="split_ha")
    assert len({"HA_LOW", "HA_HIGH", "HA_INTERMEDIATE"} & set(net.treatments)) >= 2


def test_treatments_can_be_joined_into_one(knee):
    cells = {"AD_MSC": "MSC", "BM_MSC": "MSC", "MSC_UNSPECIFIED": "MSC"}
    net = knee.network(on="pain", months=6, nodes=cells)
    assert "MSC" in net.treatments
    assert not set(cells) & set(net.treatments)
    both = knee.network(on="pain", months=6, nodes=["split_ha", cells])
    assert "MSC" in both.treatments


@pytest.mark.parametrize("nodes", ["split_hair", {"BMCA": "BMAC"}, [3]])
def test_unknown_nodes_are_named(knee, nodes):
    with pytest.raises(InputError):
        knee.network(on="pain", months=6, nodes=nodes)


def test_a_measure_of_arms_is_needed(knee):
    with pytest.raises(UnknownWordError, match="network of arms"):
        knee.network(on="pain", months=6, measure="SMCR")


def test_counts_make_a_network_of_ratios(knee):
    net = knee.network(on="adverse_events")
    assert net.measure.code == "RR"
    assert net.arms[["events", "total"]].notna().any(axis=None)


def test_a_question_without_a_trial_says_why(knee):
    empty = knee.where(design="rct").network(on="womac_pain", months=(0.01, 0.02))
    assert len(empty) == 0
    assert "no usable visit in the window" in repr(empty)


def test_a_printed_contrast_that_lacks_its_fellows_enters_alone(knee):
    net = knee.network(on="pain", months=6)
    printed = net.trials.loc[net.trials["printed_contrast"], "study"]
    sizes = net.arms[net.arms["study"].isin(printed)].groupby("study").size()
    assert sizes.min() >= 2
    assert len(printed) > 0


def test_risk_of_bias_is_known_of_some_trials(knee):
    words = knee.network(on="pain", months=3).trials["risk_of_bias"].dropna()
    assert set(words) <= {"low", "some", "high"}
    assert len(words) > 0


def test_notes_are_those_of_the_trials_that_are_left(knee):
    net = knee.network(on="function", measure="SMD", measured_as="final")
    few = net.only("BMAC", "PRP", "HA")
    assert few.notes != net.notes
    assert few.notes[0] == "final scores only"
