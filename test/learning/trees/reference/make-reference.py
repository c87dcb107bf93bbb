"""Makes reference.json: what scikit-learn's boosted trees predict for a small fixed data set.

Run once, with scikit-learn 1.2.1 of Debian 12 (python3-sklearn): python3 make-reference.py > reference.json
"""

import json

import numpy
import sklearn
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

ROWS = 800
draws = numpy.random.RandomState(20260401)
# Few different values of each feature: every library then has the same bins, one for each value.
columns = [
    draws.randint(0, 40, ROWS),
    draws.randint(0, 25, ROWS),
    draws.randint(0, 2, ROWS),
    draws.randint(0, 60, ROWS) ** 2,
]
x = numpy.column_stack(columns).astype(float)
y = numpy.round(
    0.1 * x[:, 0] * (x[:, 2] + 0.5) + numpy.sin(x[:, 1] / 4) + 0.02 * numpy.sqrt(x[:, 3]) + draws.normal(0, 0.4, ROWS), 4
)
label = (y + draws.normal(0, 0.5, ROWS) > 2.5).astype(int)

common = {"early_stopping": False, "max_bins": 255}
cases = [
    (
        "histogram regression, CAPS's settings",
        {"loss": "squared", "trees": 64, "depth": 6, "maxLeaves": 63, "minRows": 20, "l2": 0, "learningRate": 0.1},
        HistGradientBoostingRegressor(
            max_iter=64, max_depth=6, max_leaf_nodes=63, min_samples_leaf=20, l2_regularization=0, learning_rate=0.1, **common
        ),
        y,
    ),
    (
        "histogram regression, few leaves, l2",
        {"loss": "squared", "trees": 25, "depth": 6, "maxLeaves": 7, "minRows": 5, "l2": 3, "learningRate": 0.3},
        HistGradientBoostingRegressor(
            max_iter=25, max_depth=6, max_leaf_nodes=7, min_samples_leaf=5, l2_regularization=3, learning_rate=0.3, **common
        ),
        y,
    ),
    (
        "histogram classification, CAPS's settings",
        {"loss": "logistic", "trees": 64, "depth": 6, "maxLeaves": 63, "minRows": 20, "l2": 0, "learningRate": 0.1},
        HistGradientBoostingClassifier(
            max_iter=64, max_depth=6, max_leaf_nodes=63, min_samples_leaf=20, l2_regularization=0, learning_rate=0.1, **common
        ),
        label,
    ),
    (
        "histogram classification, few leaves, l2",
        {"loss": "logistic", "trees": 25, "depth": 4, "maxLeaves": 6, "minRows": 10, "l2": 1, "learningRate": 0.2},
        HistGradientBoostingClassifier(
            max_iter=25, max_depth=4, max_leaf_nodes=6, min_samples_leaf=10, l2_regularization=1, learning_rate=0.2, **common
        ),
        label,
    ),
    (
        "exact regression in double precision",
        {"loss": "squared", "trees": 40, "depth": 4, "maxLeaves": 16, "minRows": 20, "l2": 0, "learningRate": 0.1},
        GradientBoostingRegressor(
            criterion="squared_error", n_estimators=40, max_depth=4, min_samples_leaf=20, learning_rate=0.1, random_state=1
        ),
        y,
    ),
]

results = []
for name, options, model, target in cases:
    model.fit(x, target)
    scores = model.decision_function(x) if options["loss"] == "logistic" else model.predict(x)
    results.append(
        {"name": name, "library": type(model).__name__, "options": options, "scores": [float(s) for s in scores[:200]]}
    )

print(
    json.dumps(
        {
            "made_by": f"make-reference.py, scikit-learn {sklearn.__version__}, numpy {numpy.__version__}",
            "columns": [column.tolist() for column in columns],
            "quantity": y.tolist(),
            "label": label.tolist(),
            "cases": results,
        },
        separators=(",", ":"),
    )
)
