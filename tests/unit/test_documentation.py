"""The README says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.__main__ import DOCUMENTS, renewed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_documents_take_from_the_code_is_as_the_code_makes_it(document: str) -> None:
    text = (ROOT / document).read_text()
    assert renewed(text) == text, "run: make docs"


def test_a_table_that_is_out_of_date_is_noticed() -> None:
    text = (ROOT / "README.md").read_text()
    assert renewed(text.replace("| 6 | locked", "| 6 | unlocked")) == text


def test_every_link_to_a_file_leads_somewhere() -> None:
    for document in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("terraform/**/README.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document}: {target}"


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make ([a-z0-9]+)", (ROOT / "README.md").read_text()):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
