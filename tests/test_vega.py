"""Vega, which every page holds, is kept in the cache: no page depends on what happens there."""

from __future__ import annotations

from pathlib import Path

import pytest
import vl_convert

from distilbench.report.page._libraries import _vega_bundle


def test_vega_is_kept_and_made_again_where_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = vl_convert.javascript_bundle()
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path))
    assert _vega_bundle() == whole
    (kept,) = tmp_path.glob("vega-*.json")
    sealed = kept.read_bytes()
    middle = len(sealed) // 2
    turned = sealed[:middle] + bytes([sealed[middle] ^ 1]) + sealed[middle + 1 :]
    for damaged in (turned, sealed[:middle], b"", b"{}", b'{"bundle": 1}'):
        kept.write_bytes(damaged)
        assert _vega_bundle() == whole
        assert kept.read_bytes() == sealed
    with monkeypatch.context() as patch:
        patch.setattr(vl_convert, "javascript_bundle", lambda: pytest.fail("made again"))
        assert _vega_bundle() == whole
    kept.unlink()
    kept.mkdir()  # where nothing can be written
    assert _vega_bundle() == whole
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "file" / "below"))
    (tmp_path / "file").write_text("")
    assert _vega_bundle() == whole
