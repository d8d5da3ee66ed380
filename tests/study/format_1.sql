-- A study of format 1, as ecojax wrote it: two perceptrons on digits, on a CPU.
BEGIN TRANSACTION;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO "settings" VALUES('dataset','"digits"');
INSERT INTO "settings" VALUES('train_size','300');
INSERT INTO "settings" VALUES('families','["mlp"]');
INSERT INTO "settings" VALUES('space','{"stages": {"type": "int", "low": 1, "high": 2, "default": 1}, "depth": {"type": "int", "low": 1, "high": 2, "default": 1}, "width": {"type": "int", "low": 8, "high": 32, "step": 8, "log": true, "default": 16}, "kernel": {"type": "choice", "choices": [1, 3, 5], "ordered": true, "default": 3}, "optimizer": {"type": "choice", "choices": ["sgd", "adamw"], "default": "adamw"}, "schedule": {"type": "choice", "choices": ["cosine", "linear"], "default": "cosine"}}');
INSERT INTO "settings" VALUES('pin','{"flip": false, "crop_padding": "zero"}');
INSERT INTO "settings" VALUES('objectives','["accuracy", "flops"]');
INSERT INTO "settings" VALUES('constraints','{"accuracy": {"min": 0.01}}');
INSERT INTO "settings" VALUES('constraints_on','{}');
INSERT INTO "settings" VALUES('proposer','"local"');
INSERT INTO "settings" VALUES('population','2');
INSERT INTO "settings" VALUES('enqueue','[]');
INSERT INTO "settings" VALUES('start_from','[]');
INSERT INTO "settings" VALUES('replicate','0');
INSERT INTO "settings" VALUES('seed','0');
INSERT INTO "settings" VALUES('evaluations','2');
INSERT INTO "settings" VALUES('patience','9');
INSERT INTO "settings" VALUES('epochs','1');
INSERT INTO "settings" VALUES('early_stop','true');
INSERT INTO "settings" VALUES('inherit','false');
INSERT INTO "settings" VALUES('pack','false');
INSERT INTO "settings" VALUES('precision','"auto"');
INSERT INTO "settings" VALUES('device','"cpu"');
INSERT INTO "settings" VALUES('meter','"modeled"');
INSERT INTO "settings" VALUES('watts_per_core','10.0');
INSERT INTO "settings" VALUES('inference_batch','64');
INSERT INTO "settings" VALUES('energy_ci','0.5');
INSERT INTO "settings" VALUES('frontier_energy_ci','0.0');
INSERT INTO "settings" VALUES('executor','"inline"');
INSERT INTO "settings" VALUES('dataset_title','"digits (8\u00d78 handwritten digits)"');
INSERT INTO "settings" VALUES('dataset_version','"1.0"');
INSERT INTO "settings" VALUES('dataset_source','"scikit-learn digits"');
INSERT INTO "settings" VALUES('splits','{"train": {"from": "train", "size": 300}, "validation": {"from": "train", "size": 288}, "test": {"from": "train", "size": 359}, "seed": 0}');
INSERT INTO "settings" VALUES('chance_accuracy','0.10069444444444445');
INSERT INTO "settings" VALUES('digests','{"classes": "995a5b9c36a92fbbd8be34e49f16de2c", "train": "ddaa1ee54b599c68e426452e0feed1bd", "validation": "c1d2c5a474440cff6c0261a141e5d1ee", "test": "cf69e89d0a95efb01d0adda1a0906aa5"}');
INSERT INTO "settings" VALUES('inputs','{"image_shape": [8, 8, 1], "class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "mean": [0.30470791459083557], "std": [0.37542659044265747]}');
INSERT INTO "settings" VALUES('space_records','[{"name": "family", "type": "choice", "choices": ["mlp"], "ordered": false}, {"name": "hidden_layers", "type": "int", "low": 1, "high": 3, "log": false, "step": 1, "default": 1}, {"name": "hidden_width", "type": "int", "low": 8, "high": 256, "log": true, "step": 8, "default": 64}, {"name": "norm", "type": "choice", "choices": ["batch", "none"], "ordered": false, "default": "batch"}, {"name": "activation", "type": "choice", "choices": ["relu", "silu", "gelu"], "ordered": false, "default": "relu"}, {"name": "optimizer", "type": "choice", "choices": ["sgd", "adamw"], "ordered": false, "default": "adamw"}, {"name": "sgd_learning_rate", "type": "float", "low": 0.01, "high": 1.0, "log": true, "default": 0.1, "when": {"optimizer": ["sgd"]}}, {"name": "adamw_learning_rate", "type": "float", "low": 0.0003, "high": 0.03, "log": true, "default": 0.005, "when": {"optimizer": ["adamw"]}}, {"name": "weight_decay", "type": "float", "low": 1e-05, "high": 0.01, "log": true, "default": 0.0005}, {"name": "warmup", "type": "float", "low": 0.0, "high": 0.3, "log": false, "default": 0.1}, {"name": "schedule", "type": "choice", "choices": ["cosine", "linear"], "ordered": false, "default": "cosine"}, {"name": "label_smoothing", "type": "float", "low": 0.0, "high": 0.2, "log": false, "default": 0.0}, {"name": "batch_size", "type": "choice", "choices": [32, 64], "ordered": true, "default": 64}, {"name": "dropout", "type": "float", "low": 0.0, "high": 0.5, "log": false, "default": 0.0}, {"name": "flip", "type": "choice", "choices": [false], "ordered": false}, {"name": "crop", "type": "int", "low": 0, "high": 1, "log": false, "step": 1, "default": 0}, {"name": "crop_padding", "type": "choice", "choices": ["zero"], "ordered": false}, {"name": "cutout", "type": "int", "low": 0, "high": 2, "log": false, "step": 1, "default": 0}]');
INSERT INTO "settings" VALUES('resolved_precision','"float32"');
INSERT INTO "settings" VALUES('energy_provenance','"modeled (CPU time \u00d7 10 W per core, this process, \u00b130 %)"');
INSERT INTO "settings" VALUES('energy_provenance_record','{"kind": "modeled", "by": "CPU time \u00d7 10 W per core", "scope": "this process", "systematic_percent": 30.0, "rank": 5}');
INSERT INTO "settings" VALUES('device_kind','"cpu: cpu"');
INSERT INTO "settings" VALUES('jax_switches','"none"');
INSERT INTO "settings" VALUES('host','"Linux x86_64"');
INSERT INTO "settings" VALUES('versions','{"python": "3.11.7", "ecojax": "0.1.0", "jax": "0.10.2", "jaxlib": "0.10.2", "flax": "0.12.8", "optax": "0.2.8", "evosax": "0.3.2", "numpy": "2.4.6"}');
INSERT INTO "settings" VALUES('stopped','"the budget of 2 evaluations is spent"');
INSERT INTO "settings" VALUES('search_seconds','4.795671790999222');
INSERT INTO "settings" VALUES('engine_compile_seconds','0.0');
INSERT INTO "settings" VALUES('between_trials','{"waiting for the device": 3.1739999940327834e-05, "proposing": 0.032149255998774606, "storing": 0.03180919500118762, "measuring the frontier": 2.2619999981543515e-05, "testing": 0.3411918539995895, "waiting for compilation": 0.0, "the rest": 0.9212430210009188}');
INSERT INTO "settings" VALUES('account','{"metering": 1.8189810760004548, "waiting for compilation": 1.7743767649990332, "testing": 0.3411918539995895, "training": 0.20703386700097326, "proposing": 0.032149255998774606, "storing": 0.03180919500118762, "validating": 0.0011451259997556917, "waiting for the device": 3.1739999940327834e-05, "measuring the frontier": 2.2619999981543515e-05, "the rest": 0.9410708200011868}');
CREATE TABLE trials (
    id INTEGER PRIMARY KEY,
    status TEXT NOT NULL,
    configuration TEXT NOT NULL,
    origin TEXT NOT NULL,
    seed INTEGER NOT NULL,
    metrics TEXT NOT NULL DEFAULT '{}',
    provenance TEXT NOT NULL DEFAULT '{}',
    details TEXT NOT NULL DEFAULT '{}',
    error TEXT,
    weights TEXT,
    started_at TEXT,
    ended_at TEXT
) STRICT;
INSERT INTO "trials" VALUES(0,'complete','{"family": "mlp", "hidden_layers": 1, "hidden_width": 64, "norm": "batch", "activation": "relu", "optimizer": "adamw", "adamw_learning_rate": 0.005, "weight_decay": 0.0005, "warmup": 0.1, "schedule": "cosine", "label_smoothing": 0.0, "batch_size": 64, "dropout": 0.0, "flip": false, "crop": 0, "crop_padding": "zero", "cutout": 0}','default',1484405855,'{"parameters": 4938, "flops": 9472.0, "energy_per_sample_j": 1.1372675610422717e-06, "energy_per_sample_j_ci95": 2.2141047938144236e-08, "latency_ms": 0.02329167142855566, "train_energy_j": 0.6605369500000009, "train_seconds": 0.1634130720012763, "trained_share": 1.0, "accuracy": 0.10416666666666667, "accuracy_se": 0.018280471199786156, "validation_loss": 2.291742112901476, "compile_seconds": 1.544747579999239, "compile_energy_j": 9.006228390000004, "metering_seconds": 1.0428890040011538, "validation_seconds": 0.0004593399999066605, "trial_seconds": 2.760556287000327, "trial_energy_j": 13.054143120000003}','{"flops": "counted (matrix products and convolutions)", "accuracy": "measured (288 validation images)", "energy_per_sample_j": "modeled (CPU time \u00d7 10 W per core, this process, \u00b130 %)", "latency_ms": "measured (wall clock, Intel(R) Xeon(R) Processor)", "train_energy_j": "modeled (CPU time \u00d7 10 W per core, this process, \u00b130 %)"}','{"energy": {"per_sample_j": 1.1372675610422717e-06, "per_sample_ci95_j": 2.2141047938144236e-08, "latency_s": 2.329167142855566e-05, "batch_size": 64, "windows": 3, "seconds": 0.45604630899924814, "spent_j": 3.2930377899999996, "compile_s": 0.18737028899886354, "provenance": {"kind": "modeled", "by": "CPU time \u00d7 10 W per core", "scope": "this process", "systematic_percent": 30.0, "rank": 5}, "gates": {"checksum_error": 1.0536270186103947e-06, "time_ratio": 1.95480660411093}, "precision": "float32", "device": "Intel(R) Xeon(R) Processor", "converged": true, "latency_ci95_s": 5.109788129833168e-06, "input_shape": "uint8[64,8,8,1]", "idle_w": 0.0018424230085364339, "net_per_sample_j": 1.136597043677471e-06, "measuring_share": 1.1363714401883954e-05, "rejected": {}, "notes": []}, "train_energy": {"provenance": {"kind": "modeled", "by": "CPU time \u00d7 10 W per core", "scope": "this process", "systematic_percent": 30.0, "rank": 5}, "meanwhile": []}, "rungs": [[0.111111, 0.04861111111111111], [0.666667, 0.09375]]}',NULL,'000000.npz','2026-11-25T12:21:16.001+00:00','2026-11-25T12:21:19.704+00:00');
INSERT INTO "trials" VALUES(1,'complete','{"family": "mlp", "hidden_layers": 2, "hidden_width": 8, "norm": "batch", "activation": "gelu", "optimizer": "sgd", "sgd_learning_rate": 0.162485, "weight_decay": 0.000737386, "warmup": 0.127316, "schedule": "linear", "label_smoothing": 0.0729922, "batch_size": 64, "dropout": 0.277023, "flip": false, "crop": 0, "crop_padding": "zero", "cutout": 1}','sobol',1982462498,'{"parameters":714,"flops":1312.0,"energy_per_sample_j":6.637814406559261e-07,"energy_per_sample_j_ci95":6.063192236022231e-09,"latency_ms":0.011779395411633671,"train_energy_j":0.13664794999999685,"train_seconds":0.043620794999696955,"trained_share":1.0,"accuracy":0.20833333333333334,"accuracy_se":0.02393235771514067,"validation_loss":2.185907999674479,"compile_seconds":0.22962918499979423,"compile_energy_j":0.3636974200000047,"metering_seconds":0.776092071999301,"validation_seconds":0.0006857859998490312,"trial_seconds":1.060808346000158,"trial_energy_j":4.041457309999998,"test_accuracy":0.18662952646239556}','{"flops": "counted (matrix products and convolutions)", "accuracy": "measured (288 validation images)", "energy_per_sample_j": "modeled (CPU time \u00d7 10 W per core, this process, \u00b130 %)", "latency_ms": "measured (wall clock, Intel(R) Xeon(R) Processor)", "train_energy_j": "modeled (CPU time \u00d7 10 W per core, this process, \u00b130 %)"}','{"energy": {"per_sample_j": 6.637814406559261e-07, "per_sample_ci95_j": 6.063192236022231e-09, "latency_s": 1.1779395411633671e-05, "batch_size": 64, "windows": 3, "seconds": 0.4079673960004584, "spent_j": 3.5043110499999983, "compile_s": 0.12443443600022874, "provenance": {"kind": "modeled", "by": "CPU time \u00d7 10 W per core", "scope": "this process", "systematic_percent": 30.0, "rank": 5}, "gates": {"checksum_error": 1.9683268928582167e-06, "time_ratio": 1.9613598513651942}, "precision": "float32", "device": "Intel(R) Xeon(R) Processor", "converged": true, "latency_ci95_s": 2.2603902091028475e-06, "input_shape": "uint8[64,8,8,1]", "idle_w": 0.0018424230085364339, "net_per_sample_j": 6.634423370757223e-07, "measuring_share": 1.2702926901283437e-05, "rejected": {}, "notes": []}, "train_energy": {"provenance": {"kind": "modeled", "by": "CPU time \u00d7 10 W per core", "scope": "this process", "systematic_percent": 30.0, "rank": 5}, "meanwhile": []}, "rungs": [[0.111111, 0.1284722222222222], [0.666667, 0.1875]]}',NULL,'000001.npz','2026-11-25T12:21:19.709+00:00','2026-11-25T12:21:20.784+00:00');
CREATE INDEX trials_by_status ON trials (status);
COMMIT;
PRAGMA application_id = 1162039114;
PRAGMA user_version = 1;
