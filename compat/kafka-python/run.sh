#!/usr/bin/env bash
# kafka-python's own integration tests: compat/kafka-python/run.sh [ottla|kafka] [test].
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
version=3.0.12
sources=$cache/kafka_python-$version
if [ ! -e "$sources/.ready" ]; then
    cd "$cache"
    python3 -m venv venv && venv/bin/pip install --quiet pytest==9.2.0 pytest-timeout==2.4.0 pytest-mock==3.17.0 mock==5.2.0 \
        zstandard==0.25.0 python-snappy==0.7.3 lz4==4.4.5 crc32c==2.9.post0 "kafka-python==$version" || unavailable
    venv/bin/pip download --quiet --no-deps --no-binary :all: --no-build-isolation "kafka-python==$version" 2> pip.log ||
        venv/bin/pip download --quiet --no-deps --no-binary :all: "kafka-python==$version" || unavailable
    tar xzf kafka_python-$version.tar.gz || unavailable
    touch "$sources/test/__init__.py"
    # What the package leaves out: the tests import it, and with a broker that runs already they never call it.
    printf 'class ExternalService:\n    def __init__(self, host, port):\n        self.host, self.port = host, port\n\n    def open(self):\n        pass\n\n    def close(self):\n        pass\n\n\nclass SpawnedService:\n    pass\n' > "$sources/test/service.py"
    touch "$sources/.ready"
fi
broker_up main 0 node.id=0 group.initial.rebalance.delay.ms=0 num.partitions=4 group.min.session.timeout.ms=1000
mkdir -p "$work/empty"
(cd "$sources" && KAFKA_ROOT=$work/empty KAFKA_VERSION=4.3.1 KAFKA_URI=kafka://$address timeout 900 "$cache/venv/bin/python" -m pytest -v \
    --timeout 60 --timeout-method=signal --junitxml "$logs/tests.xml" ${pattern:+-k "$pattern"} test/integration > "$logs/pytest.log" 2>&1)
python3 - "$logs/tests.xml" <<'PYTHON' | tee -a "$results"
import sys
import xml.etree.ElementTree as tree

for case in tree.parse(sys.argv[1]).iter("testcase"):
    status = "SKIP" if case.find("skipped") is not None else "FAIL" if case.find("failure") is not None or case.find("error") is not None else "PASS"
    print(f"{case.get('classname').rsplit('.', 1)[-1]}::{case.get('name')}\t{status}\t{float(case.get('time')):.2f}\t")
PYTHON
suite_end
