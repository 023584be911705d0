"""The README's example runs, and what it names exists."""

import re


def test_python_example_runs(root):
    (code,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    names: dict = {}
    exec(code, names)
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
