"""Where a training's figures go."""

from __future__ import annotations

import sqlite3
from importlib.util import find_spec
from pathlib import Path

import pytest

from vcmpipe.errors import InputError, VcmError
from vcmpipe.training import loggers as module
from vcmpipe.training.loggers import check_logger, loggers
from vcmpipe.training.run import train


@pytest.mark.parametrize(("name", "more"), [("tensorboard", ["TensorBoardLogger"]), ("csv", [])])
def test_every_start_has_a_csv_file_and_what_was_requested(tmp_path: Path, name: str, more: list[str]) -> None:
    for start in ("start-1", "start-2"):
        made = loggers(tmp_path, name, {"seed": 1})
        assert [type(each).__name__ for each in made] == ["CSVLogger", *more]
        for each in made:
            each.log_metrics({"loss": 1.5}, 1)
            each.save()
        assert "1.5" in (tmp_path / "logs" / start / "metrics.csv").read_text()
        assert any((tmp_path / "logs" / start).glob("events.out.tfevents.*")) == bool(more)


@pytest.mark.parametrize("name", ["wandb", "mlflow", "tensorboard"])
def test_a_logger_that_is_not_installed_is_refused_before_any_work(
    quick, ow_jrd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda package: None)
    with pytest.raises(InputError, match=rf"--logger {name} needs a package that is not installed: pip install {name}"):
        train(quick(ow_jrd, tmp_path / "run", "dt_jrd", logger=name))
    assert not (tmp_path / "run").exists()
    check_logger("csv")


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
def test_wandb_writes_a_run_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    _, logger = loggers(tmp_path / "mine", "wandb", {"seed": 1})
    logger.log_metrics({"loss": 1.5}, 1)
    wandb.finish()
    assert any((tmp_path / "mine" / "logs" / "start-1" / "wandb").glob("offline-run-*/run-*.wandb"))


@pytest.mark.skipif(find_spec("sqlalchemy") is None or find_spec("mlflow") is None, reason="mlflow is not installed")
def test_mlflow_writes_a_file_where_no_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    _, logger = loggers(tmp_path / "mine", "mlflow", {"seed": 1})
    logger.log_metrics({"loss": 1.5}, 1)
    with sqlite3.connect(tmp_path / "mine" / "logs" / "mlflow.db") as store:
        assert store.execute("select key, value from metrics").fetchall() == [("loss", 1.5)]
        assert store.execute("select key, value from params").fetchall() == [("seed", "1")]
        assert store.execute("select name from runs").fetchall() == [("mine start-1",)]


@pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is not installed")
def test_a_server_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(VcmError, match=r"--logger mlflow cannot begin \(.+\): set it up") as error:
        loggers(tmp_path / "mine", "mlflow", {"seed": 1})
    assert "\n" not in str(error.value)
