#!/usr/bin/env python3
"""Reads deploy/ as docker compose and Kafka's image read it, without a Docker daemon.

    check_compose.py              every check
    check_compose.py --self-test  each check finds what it is for: deploy/ broken on purpose

Compose itself loads the files (schema, merging of the overrides, variables); the environment of
each Kafka service goes through Kafka's own class `kafka.docker.KafkaDockerWrapper`, as in the
image, and the server.properties that come out are compared with what the cluster has to be.
Needs what scripts/setup.sh installs: build/deps/bin/docker-compose, build/deps/kafka and Java.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPS = ROOT / "build" / "deps"
VARIANTS = {
    "compose.yml": ["compose.yml"],
    "compose.secure.yml": ["compose.yml", "compose.secure.yml"],
    "compose.bench.yml": ["compose.yml", "compose.bench.yml"],
}
CONTROLLERS = {"controller-1": 1, "controller-2": 2, "controller-3": 3}
BROKERS = {"kafka-1": 4, "kafka-2": 5, "kafka-3": 6}
SERVICES = {
    *CONTROLLERS,
    *BROKERS,
    *("create-topics", "produce", "aggregate"),
    *("prometheus", "alertmanager", "grafana", "console"),
}
# Where users find the system, as they always have.
PORTS = {
    "kafka-1": {"29092": 9092},
    "kafka-2": {"39092": 9092},
    "kafka-3": {"49092": 9092},
    "prometheus": {"9090": 9090},
    "grafana": {"3000": 3000},
    "console": {"8080": 8080},
    "alertmanager": {"59093": 9093},
    "aggregate": {"9404-9419": 9404},
}
ONE_SHOT = {"create-topics", "acls", "secrets"}
# By the one service that all others with this image wait for.
BUILT_HERE = {"kstream:local": "create-topics", "kstream-kafka:4.3.1": "controller-1"}
# Where somebody has tried that nothing is written outside of the volumes.
READ_ONLY_ROOT = {"create-topics", "produce", "aggregate", "prometheus", "alertmanager"}

COMMON = {
    "controller.quorum.voters": "1@controller-1:9093,2@controller-2:9093,3@controller-3:9093",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
    "log.dirs": "/var/lib/kafka/data",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
    "auto.create.topics.enable": "false",
}
CONTROLLER = {**COMMON, "process.roles": "controller", "listeners": "CONTROLLER://:9093"}
BROKER = {
    **COMMON,
    "process.roles": "broker",
    "listeners": "INTERNAL://:19092,EXTERNAL://:9092",
    "inter.broker.listener.name": "INTERNAL",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "offsets.topic.num.partitions": "12",
    "transaction.state.log.num.partitions": "12",
    "share.coordinator.state.topic.num.partitions": "3",
    "group.initial.rebalance.delay.ms": "0",
}
SECURE = {
    "listener.security.protocol.map": "CONTROLLER:SSL,INTERNAL:SASL_SSL,EXTERNAL:SASL_SSL",
    "ssl.keystore.type": "PEM",
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": "/etc/kafka/secrets/ca.pem",
    "listener.name.controller.ssl.client.auth": "required",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:kafka;User:CN=kafka;User:admin",
}
USERS = "${file:/etc/kafka/secrets/users.properties:jaas}"
SECURE_BROKER = {
    **SECURE,
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "config.providers": "file",
    "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
    "listener.name.internal.plain.sasl.jaas.config": USERS,
    "listener.name.external.plain.sasl.jaas.config": USERS,
}


def without_variables() -> dict[str, str]:
    """What compose may see: a variable of whoever runs the test must not decide it."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


class Deploy:
    """A deploy/ folder, loaded by compose."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "deploy"
        self.loaded: dict[str, dict] = {}
        self.problems: list[str] = []
        for name, files in VARIANTS.items():
            self.load(name, files)

    def load(self, name: str, files: list[str]) -> None:
        command = [str(DEPS / "bin" / "docker-compose")]
        for file in files:
            command += ["-f", str(self.folder / file)]
        # No .env of the checkout either.
        command += ["--env-file", os.devnull, "config", "--format", "json"]
        run = subprocess.run(command, capture_output=True, text=True, env=without_variables())
        if run.returncode != 0:
            self.problems.append(f"{name}: compose refuses it: {run.stderr.strip()}")
        elif run.stderr.strip():
            self.problems.append(f"{name}: compose warns: {run.stderr.strip()}")
        else:
            self.loaded[name] = json.loads(run.stdout)

    def services(self) -> Iterable[tuple[str, str, dict]]:
        for variant, model in self.loaded.items():
            for name, service in model["services"].items():
                yield variant, name, service


def check_loading(deploy: Deploy) -> list[str]:
    problems = list(deploy.problems)
    for variant, model in deploy.loaded.items():
        if model["name"] != "kstream":
            problems.append(f"{variant}: the project is named {model['name']}, not kstream")
        if missing := SERVICES - set(model["services"]):
            problems.append(f"{variant}: no service {', '.join(sorted(missing))}")
    return problems


def check_exposure(deploy: Deploy) -> list[str]:
    """On the loopback only, at the ports that users know."""
    problems = []
    for variant, name, service in deploy.services():
        for port in service.get("ports", []):
            if port.get("host_ip") != "127.0.0.1":
                problems.append(f"{variant}: {name} publishes {port['target']} beyond 127.0.0.1")
        published = {port["published"]: port["target"] for port in service.get("ports", [])}
        if published != PORTS.get(name, {}):
            problems.append(f"{variant}: {name} publishes {published}, not {PORTS.get(name, {})}")
        if service.get("network_mode") not in (None, "none"):
            problems.append(f"{variant}: {name} has network_mode {service['network_mode']}")
    return problems


def check_hardening(deploy: Deploy) -> list[str]:
    problems = []
    for variant, name, service in deploy.services():

        def wrong(what: str, variant: str = variant, name: str = name) -> None:
            problems.append(f"{variant}: {name}: {what}")

        if service.get("cap_drop") != ["ALL"]:
            wrong("capabilities are not dropped (cap_drop: [ALL])")
        if service.get("cap_add") and name != "secrets":
            wrong(f"adds capabilities {service['cap_add']}")
        if "no-new-privileges:true" not in service.get("security_opt", []):
            wrong("lacks no-new-privileges")
        if service.get("privileged"):
            wrong("is privileged")
        if service.get("user", "").split(":")[0] in ("0", "root") and name != "secrets":
            wrong("runs as root")
        if name in READ_ONLY_ROOT and not service.get("read_only"):
            wrong("its root can be written")
        if not service.get("mem_limit"):
            wrong("has no memory limit")
        if "max-size" not in service.get("logging", {}).get("options", {}):
            wrong("its log is not rotated")
        for mount in service.get("volumes", []):
            if mount["type"] == "bind" and not mount.get("read_only"):
                wrong(f"can write {mount['source']} of this machine")
            if mount["type"] == "bind" and not Path(mount["source"]).exists():
                wrong(f"{mount['source']} does not exist")
    return problems


def check_running(deploy: Deploy) -> list[str]:
    """Images are pinned, health is checked, and what waits for what is said."""
    problems = []
    for variant, name, service in deploy.services():

        def wrong(what: str, variant: str = variant, name: str = name) -> None:
            problems.append(f"{variant}: {name}: {what}")

        image = service["image"]
        if image not in BUILT_HERE and not re.search(r":v?\d+\.\d+\.\d+$", image):
            wrong(f"image {image} is not pinned to a version")
        if (BUILT_HERE.get(image) == name) != ("build" in service):
            wrong(f"image {image} is not built, or once too often")
        if image in BUILT_HERE and service.get("pull_policy") not in ("build", "never"):
            wrong(f"image {image} would be looked for in a registry")
        health = service.get("healthcheck", {})
        if name in ONE_SHOT:
            if image.startswith("kstream:") and not health.get("disable"):
                wrong("a task that ends has the health check of the image")
        elif image != "kstream:local" and not health.get("test"):
            wrong("has no health check")
        if "start_interval" in health:
            wrong("start_interval is refused on engines before 25")
        if name not in ONE_SHOT and service.get("restart") != "unless-stopped":
            wrong("is not restarted")
        waits = service.get("depends_on", {})
        if name in BROKERS and not set(CONTROLLERS) <= set(waits):
            wrong("does not wait for the controllers, and would be stopped after them")
        if name in ("produce", "aggregate"):
            condition = waits.get("create-topics", {}).get("condition")
            if condition != "service_completed_successfully":
                wrong("does not wait until create-topics has succeeded")
    for variant, model in deploy.loaded.items():
        if model["services"].get("aggregate", {}).get("deploy", {}).get("replicas") != 3:
            problems.append(f"{variant}: aggregate has not three replicas")
    return problems


def check_variables(deploy: Deploy) -> list[str]:
    """.env.example names each variable of the compose files with the default that it has there."""
    used: dict[str, set[str]] = {}
    for file in {file for files in VARIANTS.values() for file in files}:
        text = (deploy.folder / file).read_text()
        for name, default in re.findall(r"(?<!\$)\$\{([A-Z_]+):?-([^}]*)\}", text):
            # The default of an override is its own affair.
            used.setdefault(name, set()).update([default] if file == "compose.yml" else [])
    example = dict(
        line.split("=", 1)
        for line in (deploy.folder / ".env.example").read_text().splitlines()
        if re.match(r"[A-Z]", line)
    )
    problems = [f".env.example: {name} is missing" for name in used.keys() - example.keys()]
    problems += [f".env.example: nothing uses {name}" for name in example.keys() - used.keys()]
    for name, defaults in used.items():
        if name in example and defaults and defaults != {example[name]}:
            problems.append(f".env.example: {name}={example[name]}, compose.yml has {defaults}")
    return problems


def check_versions(deploy: Deploy) -> list[str]:
    """One version in all the places that name it."""
    problems = []

    def found(path: Path, pattern: str) -> str:
        match = re.search(pattern, path.read_text(), re.MULTILINE)
        if not match:
            problems.append(f"{path.name}: nothing matches {pattern}")
        return match[1] if match else ""

    version = found(ROOT / "CMakeLists.txt", r"^project\(kstream VERSION (\S+)")
    label = found(deploy.root / "Dockerfile", r"^ARG KSTREAM_VERSION=(\S+)")
    if version != label:
        problems.append(f"Dockerfile: version {label}, CMakeLists.txt has {version}")
    kafka = found(ROOT / "scripts" / "setup.sh", r"^readonly KAFKA_VERSION=(\S+)")
    base = found(deploy.folder / "kafka" / "Dockerfile", r"^FROM apache/kafka:(\S+)")
    if kafka != base:
        problems.append(f"deploy/kafka/Dockerfile: Kafka {base}, the tests run {kafka}")
    for variant, name, service in deploy.services():
        if service["image"].startswith("kstream-kafka:") and not service["image"].endswith(base):
            problems.append(f"{variant}: {name}: {service['image']} is built from Kafka {base}")
    return problems


def check_secrets(deploy: Deploy) -> list[str]:
    """Nothing that opens a door stands in an environment, and nobody sees another one's folder."""
    problems = []
    model = deploy.loaded.get("compose.secure.yml", {"services": {}})
    for name, service in model["services"].items():
        for key, value in (service.get("environment") or {}).items():
            secret = re.search(r"PASSWORD|SECRET|JAAS", key) or "password" in str(value)
            if secret and not str(value).replace("$$", "$").startswith("${file:"):
                if key != "GF_SECURITY_ADMIN_PASSWORD":  # compose.yml's, and set by a variable
                    problems.append(f"compose.secure.yml: {name}: a secret in {key}")
        if name == "secrets":
            continue
        own = {"console": "admin", "acls": "admin"}
        own |= dict.fromkeys([*CONTROLLERS, *BROKERS], "kafka")
        for mount in service.get("volumes", []):
            source = mount.get("source", "")
            if source == "authority":
                problems.append(f"compose.secure.yml: {name} can sign certificates")
            elif source.endswith("-secrets"):
                if source != f"{own.get(name, name)}-secrets":
                    problems.append(f"compose.secure.yml: {name} sees {source}")
                if not mount.get("read_only"):
                    problems.append(f"compose.secure.yml: {name} can write {source}")
    return problems


# ---- what Kafka makes of the environment ---------------------------------------------------------

# Read by the image's shell scripts; the wrapper passes them over.
JVM_FLAGS = ("KAFKA_HEAP_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS")
USERS_FILE = "/etc/kafka/secrets/users.properties"
DATA = "/var/lib/kafka/data"


def wrapper_environment(service: dict, work: Path) -> dict[str, str]:
    """The service's own, with the folders of the image moved below `work`."""
    environment = {}
    for key, value in service["environment"].items():
        if key == "CLUSTER_ID" or (key.startswith("KAFKA_") and key not in JVM_FLAGS):
            # What `config` prints is a compose file again, hence the doubled signs.
            value = str(value).replace("$$", "$")
            environment[key] = value.replace(DATA, f"{work}/data").replace(
                USERS_FILE, f"{work}/users.properties"
            )
    return environment


# The self-test asks for the same again and again.
started: dict[str, tuple[dict[str, str], str]] = {}


def server_properties(service: dict, work: Path) -> tuple[dict[str, str], str]:
    """The file that the image would start this service with, or why it would not start."""
    key = json.dumps(service["environment"], sort_keys=True)
    if key not in started:
        started[key] = run_wrapper(service, work)
    return started[key]


def run_wrapper(service: dict, work: Path) -> tuple[dict[str, str], str]:
    for folder in ("defaults", "mounted", "final"):
        (work / folder).mkdir(parents=True)
    for file in (ROOT / "tests/deploy/stand_ins/kafka/docker").glob("*.[yp]*"):
        shutil.copy(file, work / "defaults")
    (work / "users.properties").write_text("jaas=x required;\n")
    environment = wrapper_environment(service, work)
    run = subprocess.run(
        ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        + ["-cp", f"{DEPS}/kafka/libs/*", "kafka.docker.KafkaDockerWrapper", "setup"]
        + ["-D", f"{work}/defaults", "-M", f"{work}/mounted", "-F", f"{work}/final"],
        capture_output=True,
        text=True,
        env={**without_variables(), **environment},
    )
    # It formats the storage as well.
    formatted = work / "data" / "meta.properties"
    if run.returncode != 0 or not formatted.exists():
        errors = re.findall(r"^(?:Exception|Caused by).*", run.stderr, re.MULTILINE)
        return {}, "the image would not start: " + "; ".join(errors or [run.stderr[-500:]])
    if f"cluster.id={environment['CLUSTER_ID']}" not in formatted.read_text():
        return {}, f"formats another cluster: {formatted.read_text()}"
    text = (work / "final" / "server.properties").read_text()
    text = text.replace(f"{work}/data", DATA).replace(f"{work}/users.properties", USERS_FILE)
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines), ""


def expected_properties(variant: str, name: str, port: str) -> dict[str, str]:
    expected = dict(CONTROLLER if name in CONTROLLERS else BROKER)
    expected["node.id"] = str({**CONTROLLERS, **BROKERS}[name])
    if name in BROKERS:
        expected["advertised.listeners"] = (
            f"INTERNAL://{name}:19092,EXTERNAL://localhost:{port}"
        )
    if variant == "compose.secure.yml":
        expected.update(SECURE if name in CONTROLLERS else SECURE_BROKER)
        expected["ssl.keystore.location"] = f"/etc/kafka/secrets/{name}.pem"
    return expected


def megabytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)([mg])", text)
    return int(match[1]) * (1024 if match[2] == "g" else 1) if match else 0


def check_jvm(where: str, service: dict) -> list[str]:
    problems = []
    environment = service["environment"]
    heap = re.search(r"-Xmx(\S+)", environment.get("KAFKA_HEAP_OPTS", ""))
    if not heap:
        return [f"{where}: no heap size: Kafka would take a gigabyte"]
    # Beside the heap: classes, threads, buffers. 200 MB were seen.
    if megabytes(heap[1]) + 256 > int(service["mem_limit"]) / 2**20:
        problems.append(f"{where}: a heap of {heap[1]} does not fit into its memory limit")
    flags = environment.get("KAFKA_JVM_PERFORMANCE_OPTS", "")
    wanted = "UseG1GC" if environment["KAFKA_PROCESS_ROLES"] == "broker" else "UseSerialGC"
    if f"-XX:+{wanted}" not in flags or "-XX:+ExitOnOutOfMemoryError" not in flags:
        problems.append(f"{where}: JVM flags are {flags!r}")
    return problems


def check_kafka(deploy: Deploy) -> list[str]:
    problems = []
    # What a variant does not change need not be started again.
    jobs = {}
    for variant, name, service in deploy.services():
        if name in CONTROLLERS or name in BROKERS:
            problems += check_jvm(f"{variant}: {name}", service)
            if variant != "compose.bench.yml":
                jobs[variant, name] = service
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        results = pool.map(
            lambda job: server_properties(job[1], Path(folder) / job[0][0] / job[0][1]),
            jobs.items(),
        )
        for (variant, name), (properties, problem) in zip(jobs, results):
            if problem:
                problems.append(f"{variant}: {name}: {problem}")
                continue
            expected = expected_properties(variant, name, next(iter(PORTS.get(name, [""]))))
            for key in sorted(expected.keys() | properties.keys()):
                if expected.get(key) != properties.get(key):
                    problems.append(
                        f"{variant}: {name}: {key} is {properties.get(key)}, "
                        f"expected {expected.get(key)}"
                    )
    return problems


CHECKS = (
    check_loading,
    check_exposure,
    check_hardening,
    check_running,
    check_variables,
    check_versions,
    check_secrets,
    check_kafka,
)

# ---- broken on purpose ---------------------------------------------------------------------------

# (check, file below the checkout, text, what it becomes, what must be said)
BREAKS: list[tuple[Callable, str, str, str, str]] = [
    (check_loading, "compose.yml", "    hostname: kafka-1\n", "    hostnam: kafka-1\n", "refuses"),
    (check_loading, "compose.yml", "name: kstream\n", "name: other\n", "named other"),
    (check_loading, "compose.yml", "  alertmanager:\n    <<", "  alerts:\n    <<", "no service"),
    (check_loading, "compose.yml", "${CONSOLE_READONLY:-false}", "${CONSOLE_READONLY}", "warns"),
    (check_exposure, "compose.yml", '"127.0.0.1:9090:9090"', '"9090:9090"', "beyond 127.0.0.1"),
    (check_exposure, "compose.yml", "127.0.0.1:39092:9092", "127.0.0.1:39093:9092", "39093"),
    (check_exposure, "compose.secure.yml", "network_mode: none", "network_mode: host", "host"),
    (check_hardening, "compose.yml", "  cap_drop: [ALL]\n", "", "capabilities"),
    (check_hardening, "compose.yml", "  security_opt: ", "  x-none: ", "no-new-privileges"),
    (check_hardening, "compose.yml", "  mem_limit: 1g\n", "", "memory limit"),
    (check_hardening, "compose.yml", "/prometheus:ro\n", "/prometheus\n", "can write"),
    (check_hardening, "compose.yml", "./alertmanager:", "./nowhere:", "does not exist"),
    (check_hardening, "compose.yml", "\n  read_only: true\n", "\n", "root can be written"),
    (check_running, "compose.yml", "prometheus:v3.13.5", "prometheus:latest", "not pinned"),
    (check_running, "compose.yml", "    healthcheck: { disable: true }\n", "", "of the image"),
    (check_running, "compose.yml", "    retries: 6\n", "    start_interval: 1s\n", "refused on"),
    (check_running, "compose.yml", "    build: ./kafka\n", "", "is not built"),
    (check_running, "compose.yml", "  pull_policy: never\n", "", "in a registry"),
    (check_running, "compose.yml", "replicas: 3", "replicas: 1", "three replicas"),
    (check_running, "compose.yml", "service_completed_successfully", "service_started", "until"),
    (check_variables, "compose.yml", "${KSTREAM_SELLERS:-3}", "${KSTREAM_SELLERS:-4}", "SELLERS"),
    (check_variables, ".env.example", "GRAFANA_USER", "GRAFANA_NAME", "GRAFANA_USER is missing"),
    (check_versions, "../Dockerfile", "ARG KSTREAM_VERSION=", "ARG KSTREAM_VERSION=9", "version 9"),
    (check_versions, "kafka/Dockerfile", "FROM apache/kafka:", "FROM apache/kafka:1", "tests run"),
    (check_secrets, "compose.secure.yml", "$${file:", "x{file:", "secret in"),
    (check_secrets, "compose.secure.yml", "[\"produce-secrets", "[\"aggregate-secrets", "sees"),
    (check_kafka, "compose.yml", "_LOG_MIN_ISR:", "_LOG_MIN_IS:", "log.min.is"),
    (check_kafka, "compose.yml", "KAFKA_NODE_ID: 6", "KAFKA_NODE_ID: 5", "node.id is 5"),
    (check_kafka, "compose.yml", "INTERNAL://kafka-3:", "INTERNAL:kafka-3:", "would not start"),
    (check_kafka, "compose.yml", "UseG1GC", "UseParallelGC", "JVM flags"),
    (check_kafka, "compose.yml", "Xmx512m", "Xmx900m", "does not fit"),
    (check_kafka, "compose.secure.yml", "_CLIENT_AUTH: required", "_CLIENT_AUTH: none", "auth"),
]


def self_test() -> list[str]:
    problems = []
    for check, file, text, becomes, said in BREAKS:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder)
            shutil.copytree(ROOT / "deploy", copy / "deploy")
            shutil.copy(ROOT / "Dockerfile", copy)
            path = copy / "deploy" / file
            before = path.read_text()
            if text not in before:
                problems.append(f"{check.__name__}: {file} has no {text!r} to break")
                continue
            path.write_text(before.replace(text, becomes))
            found = check(Deploy(copy))
            if not any(said in problem for problem in found):
                problems.append(f"{check.__name__}: {text!r} -> {becomes!r}: not noticed: {found}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true", help="break deploy/ and see it noticed")
    arguments = parser.parse_args()
    if arguments.self_test:
        problems = self_test()
    else:
        deploy = Deploy(ROOT)
        problems = [problem for check in CHECKS for problem in check(deploy)]
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else "deploy/: as it should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
