from math import exp

words = ["cat", "eats", "fish"]
vectors = [[1.0, 0.2], [0.5, 0.9], [0.3, 1.0]]


def softmax(scores):
    powers = [exp(s) for s in scores]
    total = sum(powers)
    return [p / total for p in powers]


for word, query in zip(words, vectors):
    scores = []
    for key in vectors:
        dot = sum(q * k for q, k in zip(query, key))
        scores.append(dot / len(query) ** 0.5)
    weights = softmax(scores)
    print(word, [round(w, 2) for w in weights])
