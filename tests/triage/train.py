"""`make model`: the weights of the cause model from the texts in `samples/triage`, the same bytes every time."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

from services.routing.cause_model import features
from tests.triage.linear import Linear, train
from tests.triage.material import labelled, training_only

WEIGHTS = Path(__file__).parents[2] / "services" / "routing" / "data" / "causes.json.gz"
SIGNIFICANT = 0.02  # of the largest weight: features that weigh less for every class are left out
MARGIN = 0.4  # by which the best class has to lead; docs/triage.md shows what other margins would do


def document() -> dict[str, Any]:
    """The weights as they are shipped: whole numbers times `scale`, idf in thousandths."""
    rows = [(features(t.text), t.first) for t in labelled() if t.first == t.second != "unknown"] + training_only()
    made = train([counts for counts, _ in rows], [cause for _, cause in rows])
    return packed(made) | {"margin": MARGIN, "trained_on": len(rows)}


def packed(made: Linear) -> dict[str, Any]:
    """Weights rounded to a 500th of the largest."""
    largest = max(abs(w) for weights in made.weights for w in weights.values())
    scale = round(largest / 500, 9)
    kept = {}
    for feature, idf in sorted(made.idf.items()):
        weights = [weights.get(feature, 0.0) for weights in made.weights]
        if max(map(abs, weights)) >= SIGNIFICANT * largest:
            kept[feature] = [round(idf * 1000), *(round(w / scale) for w in weights)]
    return {"classes": made.classes, "bias": [round(b, 6) for b in made.bias], "scale": scale, "features": kept}


def archive() -> bytes:
    """The file's bytes, without a time in them."""
    text = json.dumps(document(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def main() -> None:
    """Write the weights."""
    data = archive()
    WEIGHTS.write_bytes(data)
    made = json.loads(gzip.decompress(data))
    print(
        f"{WEIGHTS.name}: {len(made['features'])} features, {len(made['classes'])} causes, {made['trained_on']} texts "
        f"and phrases, {len(data):,} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}"
    )


if __name__ == "__main__":
    main()
