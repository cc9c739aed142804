"""Records per second of an identity map in PyFlink's process mode, for bench/flink.ts, which asks in turns with its own runs.

Reads lines of JSON, {"records", "bytes"}; runs a job in a mini cluster, at parallelism 1; answers {"rate"} in records/s, from a
fifth of the records to the last one. Source and sink are the Java ones of bench/peers/flink-java, whose jar is the argument: only the
map is Python's, with PyFlink's defaults for its bundles.
"""

import json
import sys
import urllib.parse

from pyflink.common import Configuration
from pyflink.common.typeinfo import Types
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway

JAR = sys.argv[1]


def rate(records: int, size: int) -> float:
    configuration = Configuration()
    configuration.set_string("python.execution-mode", "process")
    configuration.set_string("pipeline.object-reuse", "true")
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    environment.set_parallelism(1)
    environment.set_python_executable(sys.executable)
    environment.add_jars("file://" + urllib.parse.quote(JAR))
    job = get_gateway().jvm.millrace.peers.IdentityJob
    source = DataStream(job.records(environment._j_stream_execution_environment, records, size))
    mapped = source.map(lambda record: record, output_type=Types.PRIMITIVE_ARRAY(Types.BYTE()))
    DataStream(job.counted(mapped._j_data_stream, records)).print()
    result = environment.execute("identity in PyFlink")
    taken = result.get_accumulator_result("allAt") - result.get_accumulator_result("fifthAt")
    return (records - records // 5) / taken * 1000


for line in sys.stdin:
    asked = json.loads(line)
    answer = {"rate": rate(asked["records"], asked["bytes"])}
    # Everything else that a job says goes to the same place.
    print("answer " + json.dumps(answer), flush=True)
