package shim;

/** Settings of the shim; all come from the environment. */
public final class Env {
    private Env() { }

    static String get(String name, String dflt) {
        String v = System.getenv(name);
        return v == null || v.isBlank() ? dflt : v;
    }

    static boolean flag(String name) {
        return get(name, "0").equals("1");
    }

    /** Command that runs one node in the foreground; {properties} becomes the path of that node's properties file. */
    public static String brokerCmd() {
        String c = get("BROKER_CMD", null);
        if (c == null) throw new IllegalStateException("BROKER_CMD is not set");
        return c;
    }

    /** Host name used in listeners; must resolve to a loopback address. */
    public static final String HOST = get("SHIM_HOST", "localhost");
    public static final int PORT_FIRST = Integer.parseInt(get("SHIM_PORTS", "23000-24999").split("-")[0]);
    public static final int PORT_LAST = Integer.parseInt(get("SHIM_PORTS", "23000-24999").split("-")[1]);
    public static final String WORK = get("SHIM_WORK", "target/run");
    public static final int READY_SECONDS = Integer.parseInt(get("SHIM_READY_SECONDS", "60"));
    /** Pause after metadata looks equal everywhere: time for configs and ACLs (not in Metadata) to arrive. */
    public static final int SETTLE_MS = Integer.parseInt(get("SHIM_SETTLE_MS", "250"));
    /** Start the next one-broker cluster of the same config while a test runs. */
    public static final boolean PREWARM = flag("SHIM_PREWARM");
    /** Idle clusters kept at most (pre-started or waiting for reuse). */
    public static final int POOL = Integer.parseInt(get("SHIM_POOL", "2"));
    /** Give an untouched cluster to the next test of the same config after wiping topics, groups and ACLs. */
    public static final boolean REUSE = flag("SHIM_REUSE");
    /** Upper limit of brokers per cluster (0 = what the test declares). Replication factors are capped along; what cannot be
     *  scaled down (broker stops, explicit replica lists, RF in the test's own requests) is skipped. */
    public static final int MAX_BROKERS = Integer.parseInt(get("SHIM_MAX_BROKERS", "0"));
    /** Broker is Apache Kafka: it has the test jars on its class path and can load plug-in classes. */
    public static final boolean PLUGINS = flag("SHIM_PLUGINS");
    /** Broker has no KRaft controller listener: tests that ask for it are skipped. */
    public static final boolean NO_CONTROLLER = flag("SHIM_NO_CONTROLLER");
    /** Own controller processes (node ids from 3000): auto = only where the test says KRAFT and has 2+ brokers; always; never. */
    public static final String ISOLATED = get("SHIM_ISOLATED", "auto");
    /** The broker serves versions of APIs that are not released: tests then ask for them. */
    public static final boolean UNSTABLE = get("SHIM_UNSTABLE", "1").equals("1");
    /** Run KRAFT and CO_KRAFT invocations; the default runs CO_KRAFT only where a test has no KRAFT one. */
    public static final boolean ALL_TYPES = flag("SHIM_ALL_TYPES");
    /** Keep data folders of failed tests (logs are always kept). */
    public static final boolean KEEP = flag("SHIM_KEEP");
}
