#!/usr/bin/env python3
"""Runs deploy/ in Docker, breaks parts of it, and has the totals recomputed.

    docker_test.py                  both: compose.yml, then with compose.secure.yml
    docker_test.py --only plain     or: secure
    docker_test.py --keep           leaves the last one up, and says how to speak to it

Starts a Docker daemon of its own (docker_host.sh) and makes stand-ins for the base images, since no
registry is needed: what they prove and what not is in stand_ins/README.md. The Dockerfiles and
compose files are used as they are. Needs root, Debian 12 or 13, and that the published ports are
free. Ends with a table and `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from harness.waiting import wait_for  # noqa: E402

HOST = HERE / "docker_host.sh"
PROJECT = "kstream"
REVISION = "docker-test"
PROMETHEUS = "http://127.0.0.1:9090"
PORTS = (29092, 39092, 49092, 9090, 3000, 8080, 59093, *range(9404, 9420))
IMAGE_LIMIT_MB = 110
# From built images to all healthy. The two cores of a test machine are what takes the time.
HEALTHY_SECONDS = 120
LONG = 600


class Failed(Exception):
    """A step did not show what it should have."""


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Failed(what)


def fetch(url: str) -> tuple[int, str]:
    """Status and body; (0, reason) where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def query(expression: str) -> list[dict]:
    """The series of an expression, as Prometheus has them now; none while it does not answer."""
    url = f"{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    status, body = fetch(url)
    return json.loads(body)["data"]["result"] if status == 200 else []


def value(expression: str) -> float:
    series = query(expression)
    return float(series[0]["value"][1]) if series else 0.0


class Docker:
    def __init__(self) -> None:
        host = subprocess.run([HOST, "env"], check=True, capture_output=True, text=True).stdout
        self.environment = {
            name: text
            for name, text in os.environ.items()
            # Variables of whoever runs the test must not decide it.
            if not name.startswith(("KSTREAM_", "KAFKA_", "GRAFANA_", "DOCKER_", "COMPOSE_"))
        }
        self.environment |= dict(line.split("=", 1) for line in host.splitlines())
        self.environment["KSTREAM_REVISION"] = REVISION
        self.files: list[str] = []

    def run(self, *arguments: str, check: bool = True, seconds: float = LONG) -> str:
        done = subprocess.run(
            ["docker", *arguments],
            env=self.environment,
            cwd=ROOT / "deploy",
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode != 0:
            end = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
            raise Failed(f"docker {' '.join(arguments)}: exit code {done.returncode}\n{end}")
        return done.stdout if check else done.stdout + done.stderr

    def compose(self, *arguments: str, check: bool = True, seconds: float = LONG) -> str:
        files = [part for file in self.files for part in ("-f", file)]
        return self.run("compose", *files, *arguments, check=check, seconds=seconds)

    def containers(self, service: str = "") -> list[dict]:
        lines = self.compose("ps", "--all", "--format", "json", *([service] if service else []))
        return [json.loads(line) for line in lines.splitlines()]

    def up(self, *arguments: str) -> None:
        """Of images that are built: nothing is built or looked for in a registry here."""
        wait = ("--wait", "--wait-timeout", str(LONG // 2))
        self.compose("up", "--detach", "--no-build", *wait, *arguments)


docker: Docker  # made in main


def require_healthy(replicas: int) -> None:
    count = 0
    for container in docker.containers():
        name, state = container["Name"], container["State"]
        if container["Service"] in ("create-topics", "secrets", "acls"):
            expect(state == "exited" and container["ExitCode"] == 0, f"{name}: {container}")
        else:
            expect(container["Health"] == "healthy", f"{name} is {state} {container['Health']}")
        count += container["Service"] == "aggregate"
    expect(count == replicas, f"{count} replicas of aggregate, not {replicas}")


def committed() -> float:
    """Positions of the source that are committed: grows by one with each record."""
    return value('sum(max by (partition) (kstream_committed_offset{stage="map"}))')


def require_progress(records: int = 500) -> str:
    before = wait_for(committed, 60, "a committed position in Prometheus")
    after = wait_for(
        lambda: (now := committed()) >= before + records and now,
        90,
        f"{records} more records in the totals",
        poll=0.5,
    )
    return f"{after - before:.0f} records more"


def require_targets(job: str, count: int) -> None:
    wait_for(
        lambda: value(f'count(up{{job="{job}"}} == 1)') == count
        and value(f'count(up{{job="{job}"}})') == count,
        90,
        f"{count} targets of {job} up in Prometheus",
        poll=0.5,
    )


def status_pages() -> set[str]:
    """One for each replica of aggregate, at a port that Docker has chosen."""
    return {
        f"http://127.0.0.1:{published['PublishedPort']}/"
        for container in docker.containers("aggregate")
        for published in container["Publishers"]
        if published["PublishedPort"]
    }


# ---- compose.yml ---------------------------------------------------------------------------------


def build() -> str:
    docker.compose("build", seconds=3000)
    size = int(docker.run("image", "inspect", "kstream:local", "--format", "{{.Size}}")) / 1e6
    expect(size <= IMAGE_LIMIT_MB, f"the image has {size:.1f} MB, more than {IMAGE_LIMIT_MB}")
    return f"kstream's image {size:.1f} MB"


def image() -> str:
    config = json.loads(docker.run("image", "inspect", "kstream:local"))[0]["Config"]
    expect(config["User"] == "65532:65532", f"runs as {config['User']}")
    expect(config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/kstream", "health"], str(config))
    text = docker.run("run", "--rm", "--network", "none", "kstream:local", "--version")
    label = config["Labels"]["org.opencontainers.image.version"]
    expect(text.startswith(f"kstream {label} (revision {REVISION})"), f"says: {text}")
    text = docker.run("run", "--rm", "--network", "none", "--entrypoint", "ldd", "kstream:local",
                      "/usr/bin/kstream")
    expect("not found" not in text, text)
    zone = "date_trunc('day', t::timestamptz, 'America/Sao_Paulo')"
    text = docker.run("run", "--rm", "--network", "none", "kstream:local", "explain", "--query",
                      f"SELECT {zone} AS d, count(*) AS n FROM x GROUP BY {zone}")
    expect("America/Sao_Paulo" in text, text)
    return f"kstream {label}, without root"


def healthy() -> str:
    started = time.monotonic()
    docker.up()
    seconds = time.monotonic() - started
    require_healthy(replicas=3)
    expect(seconds <= HEALTHY_SECONDS, f"healthy after {seconds:.0f} s, not {HEALTHY_SECONDS}")
    for volume in docker.run("volume", "ls", "--quiet").split():
        expect(volume.startswith(f"{PROJECT}_"), f"a volume without a name: {volume}")
    return f"{len(docker.containers())} containers"


def reachable() -> str:
    for url, text in (
        (f"{PROMETHEUS}/-/ready", "Ready"),
        ("http://127.0.0.1:59093/-/ready", "OK"),
        ("http://127.0.0.1:3000/api/health", ""),
        ("http://127.0.0.1:8080/actuator/health", ""),
        *((f"{page}readyz", "") for page in status_pages()),
        *((f"{page}metrics", "kstream_build_info") for page in status_pages()),
        *((page, "<html") for page in status_pages()),
    ):
        status, body = fetch(url)
        expect(status == 200 and text in body, f"{url}: {status} {body[:200]}")
    # Published ports, in the kernel's own words; state 0A is listening.
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == "0A" and int(port, 16) in PORTS:
                expect(address == "0100007F", f"port {int(port, 16)} listens at {address}")
    return "on 127.0.0.1 only"


def working() -> str:
    for job, count in (
        ("kafka-controller", 3),
        ("kafka-broker", 3),
        ("kstream-aggregate", 3),
        ("kstream-produce", 1),
        ("prometheus", 1),
        ("alertmanager", 1),
    ):
        require_targets(job, count)
    return require_progress()


def scaled() -> str:
    docker.up("--no-recreate", "--scale", "aggregate=6")
    require_healthy(replicas=6)
    require_targets("kstream-aggregate", 6)
    expect(len(status_pages()) == 6, f"status pages at {status_pages()}")
    more = require_progress()
    docker.up("--no-recreate", "--scale", "aggregate=3")
    require_healthy(replicas=3)
    require_targets("kstream-aggregate", 3)
    return f"{more} with six"


def broker_killed() -> str:
    docker.compose("kill", "kafka-2")
    more = require_progress()
    docker.up("--no-recreate")
    wait_for(
        lambda: value("count(up{job='kafka-broker'} == 1)") == 3
        and value("sum(kafka_server_replicamanager_underreplicatedpartitions)") == 0,
        120,
        "no under-replicated partition",
        poll=0.5,
    )
    require_healthy(replicas=3)
    return f"{more} meanwhile"


def replica_killed() -> str:
    """As a crash: Docker does not restart what it was told to kill."""
    victim = docker.containers("aggregate")[0]["ID"]
    pid = int(docker.run("inspect", victim, "--format", "{{.State.Pid}}"))
    os.kill(pid, signal.SIGKILL)

    def returned() -> bool:
        state = json.loads(docker.run("inspect", victim, "--format", "{{json .State}}"))
        return state["Pid"] not in (0, pid) and state["Health"]["Status"] == "healthy"

    wait_for(returned, 90, "the replica to be restarted and healthy", poll=0.5)
    return require_progress()


def expressions() -> str:
    rules = sorted((ROOT / "deploy" / "prometheus").glob("*s/*.yml"))
    done = subprocess.run(
        [sys.executable, HERE / "query_dashboards.py", "--prometheus", PROMETHEUS]
        + ["--wait", "120", "--rules", *rules],
        capture_output=True,
        text=True,
    )
    expect(done.returncode == 0, done.stdout + done.stderr)
    return done.stdout.splitlines()[-1]


def exact() -> str:
    docker.compose("stop", "produce")

    def checked() -> str:
        # Not exact while the last records are on their way; what stays inexact fails.
        done = subprocess.run(
            [sys.executable, ROOT / "tools" / "check_totals.py"], capture_output=True, text=True
        )
        checked.said = done.stdout + done.stderr
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        said = wait_for(checked, 120, "exact totals", poll=1)
    except AssertionError as error:
        raise Failed(f"{error}\n{checked.said}") from error
    return " ".join(said.split())


def leaves_nothing() -> str:
    started = time.monotonic()
    docker.compose("down", "--volumes", "--timeout", "60")
    seconds = time.monotonic() - started
    own = ["--filter", f"label=com.docker.compose.project={PROJECT}", "--quiet"]
    for kind in (["ps", "--all"], ["volume", "ls"], ["network", "ls"]):
        left = docker.run(*kind, *own)
        expect(not left, f"left over: {kind[0]} {left}")
    anonymous = docker.run("volume", "ls", "--quiet")
    expect(not anonymous, f"volumes without a name are left: {anonymous}")
    return f"down after {seconds:.0f} s"


# ---- compose.secure.yml --------------------------------------------------------------------------


def secure_healthy() -> str:
    docker.up()
    require_healthy(replicas=3)
    return require_progress()


def as_user(user: str, *arguments: str) -> tuple[int, str]:
    """kstream with the configuration of one user of compose.secure.yml, or of none."""
    secrets = ["--volume", f"{PROJECT}_{user}-secrets:/run/kstream:ro"] if user else []
    config = ["--config", "/run/kstream/kstream.conf"] if user else []
    done = subprocess.run(
        ["docker", "run", "--rm", "--network", f"{PROJECT}_kafka", *secrets, "kstream:local"]
        + [*arguments, *config, "-b", "kafka-1:19092"],
        env=docker.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def strangers_refused() -> str:
    code, text = as_user("", "create-topics", "--dry-run", "--wait", "5")
    expect(code != 0, f"plain text is let in: {text}")
    wrong = ["-X", "security.protocol=SASL_SSL", "-X", "sasl.mechanism=PLAIN"]
    wrong += ["-X", "sasl.username=produce", "-X", "ssl.ca.location=/run/kstream/ca.pem"]
    done = docker.run(
        *("run", "--rm", "--network", f"{PROJECT}_kafka", "--env", "KSTREAM_X_SASL_PASSWORD=wrong"),
        *("--volume", f"{PROJECT}_produce-secrets:/run/kstream:ro", "kstream:local"),
        *("create-topics", "--dry-run", "--wait", "5", "-b", "kafka-1:19092", *wrong),
        check=False,
    )
    expect("uthentication" in done, f"a wrong password: {done}")
    return "no plain text, no wrong password"


def administered_from_outside() -> str:
    """As README says: with what the container of the secrets hands out, at a published port."""
    with tempfile.TemporaryDirectory() as folder:
        docker.compose("cp", "secrets:/secrets/admin", folder)
        done = subprocess.run(
            [ROOT / "scripts" / "cluster.sh", "tool", "kafka-topics", "--list"]
            + ["--bootstrap-server", "localhost:29092"]
            + ["--command-config", f"{folder}/admin/client.properties"],
            capture_output=True,
            text=True,
        )
    expect("financial_transactions" in done.stdout, done.stdout + done.stderr)
    return f"{len(done.stdout.split())} topics seen"


def rights_bounded() -> str:
    swapped = ("--topic", "aggregated_transactions", "--output-topic", "financial_transactions")
    code, text = as_user("produce", "produce", "--count", "1", *swapped)
    expect(code != 0 and "uthoriz" in text, f"produce writes results: {code} {text}")
    code, text = as_user("produce", "aggregate", "--until", "end", "--application-id", "other")
    expect(code != 0 and "uthoriz" in text, f"produce may aggregate: {code} {text}")
    code, text = as_user("aggregate", "produce", "--count", "1")
    expect(code != 0 and "uthoriz" in text, f"aggregate writes the source: {code} {text}")
    return "each user has its own only"


def secrets_hidden() -> str:
    text = docker.run("run", "--rm", "--user", "0", "--network", "none",
                      "--volume", f"{PROJECT}_kafka-secrets:/s:ro", "--entrypoint", "cat",
                      "kstream:local", "/s/users.properties")
    passwords = set(re.findall(r'="([0-9a-f]{48})"', text))
    expect(len(passwords) == 5, "five users have five passwords")
    ids = docker.run("ps", "--all", "--quiet").split()
    seen = docker.run("inspect", *ids) + docker.compose("logs", "--no-color", check=False)
    for password in passwords:
        expect(password not in seen, "a password stands in `docker inspect` or in a log")
    return "in no environment, no log"


def secure_exact() -> str:
    """The counts of the results against the source topic, both read by Kafka's own consumer."""
    docker.compose("stop", "produce")

    def read(topic: str) -> list[dict]:
        lines = docker.compose(
            *("run", "--rm", "--no-deps", "-T", "--entrypoint", "", "acls"),
            *("/opt/kafka/bin/kafka-console-consumer.sh", "--bootstrap-server", "kafka-1:19092"),
            *("--command-config", "/run/kstream/client.properties", "--topic", topic),
            *("--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "8000"),
        )
        return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]

    def equal() -> int:
        counts: dict[str, int] = {}
        for record in read("financial_transactions"):
            counts[record["id_vendedor"]] = counts.get(record["id_vendedor"], 0) + 1
        results = {
            record["id_vendedor"]: record["numero_transacoes"]
            for record in read("aggregated_transactions")
        }
        return sum(counts.values()) if counts and counts == results else 0

    return f"{wait_for(equal, 120, 'counts that are equal')} records counted"


PLAIN = (
    ("images built", build),
    ("image as it should be", image),
    ("up and healthy", healthy),
    ("reachable", reachable),
    ("produces and aggregates", working),
    ("aggregate scaled to 6 and back", scaled),
    ("broker killed and returned", broker_killed),
    ("replica killed and restarted", replica_killed),
    ("dashboards and alerts evaluated", expressions),
    ("totals recomputed", exact),
    ("down leaves nothing", leaves_nothing),
)
SECURE = (
    ("secure: up and healthy", secure_healthy),
    ("secure: strangers refused", strangers_refused),
    ("secure: administered from outside", administered_from_outside),
    ("secure: rights bounded", rights_bounded),
    ("secure: secrets hidden", secrets_hidden),
    ("secure: counts recomputed", secure_exact),
    ("secure: down leaves nothing", leaves_nothing),
)


def run_steps(steps: tuple[tuple[str, Callable[[], str]], ...], keep: bool) -> list[tuple]:
    """Up to the first that fails: each builds on those before it."""
    table = []
    for name, step in steps:
        if keep and step is leaves_nothing:
            continue
        started = time.monotonic()
        try:
            said, passed = step(), True
        except (Failed, AssertionError, subprocess.TimeoutExpired) as error:
            said, passed = str(error), False
        seconds = time.monotonic() - started
        print(f"{'pass' if passed else 'FAIL'} {seconds:6.1f} s  {name}: {said}", flush=True)
        table.append((name, passed, seconds))
        if not passed:
            log = ROOT / "build" / "logs" / "docker-compose.log"
            log.write_text(docker.compose("ps", "--all", check=False)
                           + docker.compose("logs", "--no-color", "--timestamps", check=False))
            print(f"what the containers said is in {log.relative_to(ROOT)}")
            break
    return table


def require_free_ports() -> None:
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                sys.exit(f"error: port {port} is in use; is the cluster of scripts/cluster.sh up?")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("plain", "secure"))
    parser.add_argument("--keep", action="store_true", help="leave it up at the end")
    arguments = parser.parse_args()
    global docker
    subprocess.run([HOST, "up"], check=True)
    docker = Docker()
    table = []
    try:
        # Of a run that was interrupted.
        docker.files = ["compose.yml", "compose.secure.yml"]
        docker.compose("down", "--volumes", "--timeout", "10", check=False)
        require_free_ports()
        subprocess.run([HOST, "images"], check=True)
        if arguments.only != "secure":
            docker.files = ["compose.yml"]
            table += run_steps(PLAIN, arguments.keep and arguments.only == "plain")
        if arguments.only != "plain" and all(passed for _, passed, _ in table):
            docker.files = ["compose.yml", "compose.secure.yml"]
            docker.compose("build", seconds=3000)
            table += run_steps(SECURE, arguments.keep)
    finally:
        if arguments.keep:
            print(f"left up; `docker` finds it with: export $({HOST.relative_to(ROOT)} env)")
        else:
            docker.files = ["compose.yml", "compose.secure.yml"]
            docker.compose("down", "--volumes", "--timeout", "10", check=False)
            subprocess.run([HOST, "down"], check=True)
    print("\nstand-ins: Kafka, Prometheus and Alertmanager are real programs, but not of the real "
          "images;\nGrafana and the console only answer their health checks\n")
    for name, passed, seconds in table:
        print(f"{name:34} {seconds:7.1f} s  {'passed' if passed else 'FAILED'}")
    good = sum(passed for _, passed, _ in table)
    print(f"\n{good} passed, {len(table) - good} failed")
    return 0 if table and good == len(table) else 1


if __name__ == "__main__":
    sys.exit(main())
