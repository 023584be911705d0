"""The README's example runs, and what it names exists."""

import re
from pathlib import Path

from PIL import Image

from .predict.helpers import saved_detector


def python_of(document):
    (code,) = re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL)
    names: dict = {}
    exec(code, names)
    return names


def test_the_readme_s_example_runs(root, tmp_path, monkeypatch, capsys):
    """On random weights where the demo leaves its own, and images where it draws them."""
    monkeypatch.chdir(tmp_path)
    saved_detector(tmp_path / "output/demo")
    images = tmp_path / "datasets/synthetic_lvis/v1/val"
    images.mkdir(parents=True)
    for number in (7, 17, 18):
        Image.new("RGB", (64, 48), (number, 90, 30)).save(images / f"{number}.png")
    names = python_of(root / "README.md")
    assert len(names["results"]) == 2
    assert sorted(p.name for p in Path("output/drawn").iterdir()) == ["0.png", "1.png"]
    assert capsys.readouterr().out.count("/val/") == 2


def test_the_guide_s_example_draws_every_image_that_can_be_read(root, tmp_path, monkeypatch):
    """Names by the number of detections would write images over one another."""
    monkeypatch.chdir(tmp_path)
    saved_detector(tmp_path / "output/mine")
    for name in ("a.jpg", "folder/b.png", "more/c.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 48), (9, 90, 30)).save(name)
    Path("more/broken.png").write_text("no picture")
    python_of(root / "docs/GETTING_STARTED.md")
    assert sorted(p.name for p in Path("drawn").iterdir()) == ["0.png", "1.png", "3.png"]


def test_the_maths_alone_runs(root):
    names = python_of(root / "docs/EXTENDING.md")
    assert names["log_probs"].shape == (512, 1231)


PROJECT = r"(?<![\w./-])(?:configs|docs|datasets|examples|experiments|lt_det|tests|tools)"


def documents(root):
    return [*root.glob("*.md"), *root.glob("docs/*.md"), root / "datasets" / "README.md"]


def test_files_that_documents_name_exist(root):
    missing = []
    for document in documents(root):
        named = set(
            re.findall(rf"{PROJECT}/[\w./-]+\.(?:yaml|md|py|json|png)", document.read_text())
        )
        missing += [(document.name, n) for n in named if not (root / n).is_file()]
    # Where the changes are told, names of before are named.
    assert [(d, n) for d, n in missing if d != "CHANGELOG.md"] == []


def test_links_of_documents_lead_somewhere(root):
    broken = []
    for document in documents(root):
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
            file, _, anchor = link.partition("#")
            if "://" in link:
                continue
            target = document.parent / file if file else document
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append((document.name, link))
    assert broken == []


def anchors(document):
    titles = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_short(root):
    assert (root / "README.md").read_text().count("\n") <= 150
