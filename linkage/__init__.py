"""Record linkage on arrays: compare inside blocks, Fellegi-Sunter, clusters, person ids.

The room knows no key, no identity and no service. The path of one run:

1. `plan.plan_of(agreement)`: which comparison variables there are and how a pattern is packed.
2. `tables.load_pass(...)`: the registers' pass tables as sorted arrays.
3. `compare.count_patterns(...)` over row ranges, merged: agreement patterns with their counts.
4. `em.fit(...)`: m, u and λ, a `model.Model`.
5. `compare.emit_edges(...)` over the same ranges, `edges.join_edges(...)`.
6. At the statistics unit: `pairs.subject_pairs`, `cluster.cluster`, `person_ids.assign`.
"""
