package shim;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.test.JaasUtils;

import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A set of external broker processes that serves one test at a time. */
public final class Cluster {
    private static final AtomicInteger SEQ = new AtomicInteger();
    private static int nextPort = Env.PORT_FIRST;
    /** Clusters handed out so far / in use now: tells tests that met a broker from plain unit tests. */
    public static final AtomicInteger ACQUIRED = new AtomicInteger();
    public static final AtomicInteger IN_USE = new AtomicInteger();
    private static final Set<Cluster> ALIVE = java.util.concurrent.ConcurrentHashMap.newKeySet();
    private static volatile boolean closing;
    private static final Map<String, Cluster> IDLE = new java.util.LinkedHashMap<>();   // by spec; started, free to take

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            closing = true;
            ALIVE.forEach(c -> c.destroy(false));
        }));
    }

    /** One process. */
    public final class Node {
        public final int id;
        public final boolean broker;
        public final boolean controller;
        public final int port;
        public final int controllerPort;
        public final Path file;
        public final Map<String, String> props = new TreeMap<>();
        private Process process;
        private boolean wanted;

        Node(int id, boolean broker, boolean controller) {
            this.id = id;
            this.broker = broker;
            this.controller = controller;
            this.port = broker ? freePort() : -1;
            this.controllerPort = controller ? freePort() : -1;
            this.file = dir.resolve("node-" + id + ".properties");
        }

        public boolean running() {
            return process != null && process.isAlive();
        }

        public boolean died() {
            return wanted && !running();
        }

        void launch() {
            try {
                Process p = new ProcessBuilder("sh", "-c", "exec " + Env.brokerCmd().replace("{properties}", file.toString()))
                    .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(log())).redirectInput(new File("/dev/null")).start();
                process = p;
                wanted = true;
                if (closing) p.destroyForcibly();      // started while the JVM shuts down: leave no orphan
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }

        File log() {
            return dir.resolve("node-" + id + ".log").toFile();
        }

        void stop(boolean graceful) {
            wanted = false;
            if (process == null) return;
            try {
                if (graceful) {
                    process.destroy();
                    if (process.waitFor(30, TimeUnit.SECONDS)) return;
                }
                process.destroyForcibly().waitFor();
            } catch (InterruptedException e) {
                process.destroyForcibly();
                Thread.currentThread().interrupt();
            }
        }
    }

    public final Spec spec;
    public final String clusterId;
    public final Path dir;
    public final Map<Integer, Node> nodes = new TreeMap<>();
    public boolean touched;

    private Cluster(Spec spec) {
        this.spec = spec;
        this.clusterId = spec.clusterId != null ? spec.clusterId : Uuid.randomUuid().toString();
        this.dir = Path.of(Env.WORK, ProcessHandle.current().pid() + "-" + SEQ.incrementAndGet()).toAbsolutePath();
        try {
            Files.createDirectories(dir);
            boolean apart = spec.isolated && (Env.ISOLATED.equals("always") || Env.ISOLATED.equals("auto") && spec.brokers > 1);
            for (int i = 0; i < (apart ? spec.brokers : Math.max(spec.brokers, spec.controllers)); i++)
                nodes.put(i, new Node(i, i < spec.brokers, !apart && i < spec.controllers));
            for (int i = 3000; apart && i < 3000 + spec.controllers; i++)
                nodes.put(i, new Node(i, false, true));
            for (Node n : nodes.values()) writeProperties(n);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        ALIVE.add(this);
    }

    private static synchronized int freePort() {
        for (int tries = 0; tries < Env.PORT_LAST - Env.PORT_FIRST; tries++) {
            int p = nextPort++;
            if (nextPort > Env.PORT_LAST) nextPort = Env.PORT_FIRST;
            try (ServerSocket s = new ServerSocket()) {
                s.setReuseAddress(true);
                s.bind(new InetSocketAddress(Env.HOST, p));
                return p;
            } catch (IOException e) {
                // taken, try the next
            }
        }
        throw new IllegalStateException("no free port");
    }

    private void writeProperties(Node n) throws IOException {
        Map<String, String> p = n.props;
        p.putAll(spec.props);
        String ext = spec.brokerListener + "://" + Env.HOST + ":" + n.port;
        String ctl = spec.controllerListener + "://" + Env.HOST + ":" + n.controllerPort;
        p.put("process.roles", n.broker && n.controller ? "broker,controller" : n.broker ? "broker" : "controller");
        p.put("node.id", "" + n.id);
        p.put("listeners", n.broker && n.controller ? ext + "," + ctl : n.broker ? ext : ctl);
        if (n.broker) p.put("advertised.listeners", p.get("listeners"));
        p.put("listener.security.protocol.map", spec.brokerListener + ":" + spec.brokerProtocol + "," + spec.controllerListener + ":" + spec.controllerProtocol);
        p.putIfAbsent("inter.broker.listener.name", spec.brokerListener);
        p.put("controller.listener.names", spec.controllerListener);
        List<Node> voters = nodes.values().stream().filter(x -> x.controller).toList();
        if (spec.standalone)
            p.put("controller.quorum.bootstrap.servers", voters.stream().map(x -> Env.HOST + ":" + x.controllerPort).collect(Collectors.joining(",")));
        else
            p.put("controller.quorum.voters", voters.stream().map(x -> x.id + "@" + Env.HOST + ":" + x.controllerPort).collect(Collectors.joining(",")));
        List<String> dirs = new ArrayList<>();
        for (int d = 0; d < spec.disks; d++) dirs.add(dir.resolve("data-" + n.id + "-" + d).toString());
        p.put("log.dirs", String.join(",", dirs));
        p.putIfAbsent("log.cleaner.dedupe.buffer.size", "2097152");
        p.putIfAbsent("unstable.feature.versions.enable", "true");
        p.putIfAbsent("unstable.api.versions.enable", "" + Env.UNSTABLE);
        if (n.broker) p.remove("controller.quorum.auto.join.enable");
        if (spec.sasl() || spec.controllerProtocol.startsWith("SASL")) {
            p.putIfAbsent("sasl.enabled.mechanisms", "PLAIN");
            p.putIfAbsent("sasl.mechanism.inter.broker.protocol", "PLAIN");
            p.putIfAbsent("sasl.mechanism.controller.protocol", "PLAIN");
            p.putIfAbsent("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
            p.putIfAbsent("allow.everyone.if.no.acl.found", "false");
            p.putIfAbsent("super.users", "User:" + JaasUtils.KAFKA_PLAIN_ADMIN);
            String jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"" + JaasUtils.KAFKA_PLAIN_ADMIN
                + "\" password=\"" + JaasUtils.KAFKA_PLAIN_ADMIN_PASSWORD + "\" user_" + JaasUtils.KAFKA_PLAIN_ADMIN + "=\"" + JaasUtils.KAFKA_PLAIN_ADMIN_PASSWORD
                + "\" user_" + JaasUtils.KAFKA_PLAIN_USER1 + "=\"" + JaasUtils.KAFKA_PLAIN_USER1_PASSWORD + "\";";
            if (spec.sasl()) p.putIfAbsent("listener.name." + spec.brokerListener.toLowerCase() + ".plain.sasl.jaas.config", jaas);
            if (spec.controllerProtocol.startsWith("SASL")) p.putIfAbsent("listener.name." + spec.controllerListener.toLowerCase() + ".plain.sasl.jaas.config", jaas);
        }
        p.putAll(spec.perServer.getOrDefault(n.id, Map.of()));
        if (n.controller && n.broker) p.putAll(spec.perServer.getOrDefault(3000 + n.id, Map.of()));   // overrides meant for isolated controllers
        // What the Java test kit tells its storage formatter; comments, because unknown keys would show up in DescribeConfigs.
        StringBuilder sb = new StringBuilder("# shim.cluster.id=" + clusterId + "\n# shim.standalone=" + spec.standalone + "\n");
        if (!spec.release.isEmpty()) sb.append("# shim.release=").append(spec.release).append('\n');
        spec.features.forEach((k, v) -> sb.append("# shim.feature.").append(k).append('=').append(v).append('\n'));
        p.forEach((k, v) -> sb.append(k).append('=').append(v.replace("\\", "\\\\").replace("\n", "\\n")).append('\n'));
        Files.writeString(n.file, sb.toString());
    }

    // ---------------------------------------------------------------- life

    /** A ready cluster for the spec: an idle one if there is any, else a new one. */
    public static synchronized Cluster acquire(Spec spec) {
        Cluster c = IDLE.remove(spec.key());
        while (c == null && IDLE.size() >= Env.POOL) IDLE.remove(IDLE.keySet().iterator().next()).destroy(false);
        if (c == null) {
            c = new Cluster(spec);
            c.nodes.values().forEach(Node::launch);
        }
        try {
            c.awaitReady();
        } catch (RuntimeException e) {
            c.destroy(true);
            throw e;
        }
        ACQUIRED.incrementAndGet();
        IN_USE.incrementAndGet();
        if (Env.PREWARM && !Env.REUSE && spec.brokers == 1) {
            Cluster next = new Cluster(spec);
            next.nodes.values().forEach(Node::launch);
            IDLE.put(spec.key(), next);
        }
        return c;
    }

    /** End of a test: throw away, or (SHIM_REUSE) wipe and keep for the next test of the same config. */
    public static synchronized void release(Cluster c, boolean failed) {
        IN_USE.decrementAndGet();
        boolean died = c.nodes.values().stream().anyMatch(Node::died);
        if (Env.REUSE && !failed && !died && !c.touched && !IDLE.containsKey(c.spec.key()) && Wipe.wipe(c)) IDLE.put(c.spec.key(), c);
        else c.destroy(failed || died);
    }

    public void destroy(boolean keepLogs) {
        killAll();
        ALIVE.remove(this);
        if (keepLogs && Env.KEEP) return;
        try (Stream<Path> s = Files.walk(dir)) {
            s.sorted(Comparator.reverseOrder()).filter(p -> !keepLogs || !p.toString().matches(".*/node-\\d+\\.(log|properties)|" + java.util.regex.Pattern.quote(dir.toString())))
                .forEach(p -> p.toFile().delete());
        } catch (IOException e) {
            // leftovers do no harm
        }
    }

    private void killAll() {
        nodes.values().forEach(n -> {
            n.wanted = false;
            if (n.process != null) n.process.destroyForcibly();
        });
        nodes.values().forEach(n -> n.stop(false));
    }

    public List<Node> brokers() {
        return nodes.values().stream().filter(n -> n.broker).toList();
    }

    public List<Node> alive() {
        return brokers().stream().filter(Node::running).toList();
    }

    public String bootstrap() {
        return brokers().stream().map(n -> Env.HOST + ":" + n.port).collect(Collectors.joining(","));
    }

    public String bootstrapControllers() {
        return nodes.values().stream().filter(n -> n.controller).map(n -> Env.HOST + ":" + n.controllerPort).collect(Collectors.joining(","));
    }

    public void shutdown(int id) {
        touched = true;
        nodes.get(id).stop(true);
    }

    public void startup(int id) {
        touched = true;
        Node n = nodes.get(id);
        if (n.running()) return;
        n.launch();
        awaitReady();
    }

    // ---------------------------------------------------------------- waiting

    public static final class NodeEnded extends IllegalStateException {
        NodeEnded(String m) {
            super(m);
        }
    }

    public interface Check {
        boolean ok() throws Exception;
    }

    public static void await(String what, long ms, Check check) {
        long end = System.nanoTime() + ms * 1_000_000L;
        Throwable last = null;
        while (true) {
            try {
                if (check.ok()) return;
            } catch (NodeEnded e) {
                throw e;
            } catch (Exception e) {
                last = e;
            }
            if (System.nanoTime() > end) throw new AssertionError("timed out: " + what + (last == null ? "" : " (" + last + ")"), last);
            try {
                Thread.sleep(40);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while waiting: " + what);
            }
        }
    }

    /** Every running broker answers Metadata and names every running broker. */
    public void awaitReady() {
        try {
            await("cluster ready", Env.READY_SECONDS * 1000L, () -> {
                for (Node n : nodes.values()) if (n.died()) throw new NodeEnded("node " + n.id + " ended by itself, logs in " + dir + ": " + tail(n));
                Set<Integer> want = alive().stream().map(n -> n.id).collect(Collectors.toCollection(TreeSet::new));
                for (Node n : alive()) if (!seenBy(n).containsAll(want)) return false;
                return true;
            });
        } catch (AssertionError e) {
            throw new IllegalStateException(e.getMessage() + " logs in " + dir, e);
        }
    }

    private Set<Integer> seenBy(Node n) throws Exception {
        if (!spec.sasl())
            return Wire.metadata(n.port, List.of()).brokers().stream().map(MetadataResponseData.MetadataResponseBroker::nodeId).collect(Collectors.toSet());
        try (Admin a = Admin.create(clientProps(Env.HOST + ":" + n.port))) {
            return a.describeCluster().nodes().get(10, TimeUnit.SECONDS).stream().map(x -> x.id()).collect(Collectors.toSet());
        }
    }

    public Map<String, Object> clientProps(String bootstrap) {
        Map<String, Object> m = new HashMap<>();
        m.put("bootstrap.servers", bootstrap);
        if (spec.sasl()) {
            m.put("security.protocol", spec.brokerProtocol);
            m.put("sasl.mechanism", "PLAIN");
            m.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"" + JaasUtils.KAFKA_PLAIN_ADMIN
                + "\" password=\"" + JaasUtils.KAFKA_PLAIN_ADMIN_PASSWORD + "\";");
        }
        return m;
    }

    private static String tail(Node n) throws IOException {
        List<String> l = Files.readAllLines(n.log().toPath());
        return String.join(" / ", l.subList(Math.max(0, l.size() - 5), l.size()));
    }

    /** Topic as this broker sees it; null when it does not know it. SASL: asked through an Admin client, any broker. */
    public MetadataResponseData.MetadataResponseTopic topic(Node n, String name) throws Exception {
        if (!spec.sasl()) {
            var t = Wire.metadata(n.port, List.of(name)).topics().find(name);
            return t == null || t.errorCode() == 3 ? null : t;
        }
        try (Admin a = Admin.create(clientProps(bootstrap()))) {
            var d = a.describeTopics(List.of(name)).allTopicNames().get(10, TimeUnit.SECONDS).get(name);
            var t = new MetadataResponseData.MetadataResponseTopic().setName(name);
            d.partitions().forEach(p -> t.partitions().add(new MetadataResponseData.MetadataResponsePartition().setPartitionIndex(p.partition())
                .setLeaderId(p.leader() == null ? -1 : p.leader().id())));
            return t;
        } catch (java.util.concurrent.ExecutionException e) {
            if (e.getCause() instanceof org.apache.kafka.common.errors.UnknownTopicOrPartitionException) return null;
            throw e;
        }
    }

    public void awaitTopic(String name, int partitions) {
        await(name + " with " + partitions + " partitions on every broker", 60_000, () -> {
            for (Node n : alive()) {
                var t = topic(n, name);
                if (t == null || t.partitions().size() != partitions) return false;
            }
            return leadersServe(name);
        });
    }

    /** Metadata may be ahead of the log: each live leader must answer ListOffsets, else the first produce meets NOT_LEADER_OR_FOLLOWER. */
    private boolean leadersServe(String name) throws Exception {
        if (spec.sasl() || alive().isEmpty()) return true;
        var t = topic(alive().get(0), name);
        for (Node n : alive()) {
            List<Integer> led = t.partitions().stream().filter(p -> p.leaderId() == n.id).map(p -> p.partitionIndex()).toList();
            if (!led.isEmpty() && !Wire.leads(n.port, name, led)) return false;
        }
        return true;
    }

    public void awaitNoTopic(String name) {
        await(name + " gone from every broker", 60_000, () -> {
            for (Node n : alive()) if (topic(n, name) != null) return false;
            return true;
        });
    }

    /** All brokers answer with the same brokers, topics, leaders; then a short pause for what Metadata does not show. */
    public void awaitConsistent() {
        if (!spec.sasl() && brokers().size() > 1)
            await("equal metadata on all brokers", 60_000, () -> {
                Set<String> views = new java.util.HashSet<>();
                for (Node n : alive()) {
                    var m = Wire.metadata(n.port, null);
                    String topics = m.topics().stream().map(t -> t.name() + t.topicId() + t.partitions().stream()
                        .map(p -> p.partitionIndex() + ":" + p.leaderId() + ":" + p.leaderEpoch() + new TreeSet<>(p.isrNodes())).sorted().toList()).sorted().toList().toString();
                    views.add(m.brokers().stream().map(b -> b.nodeId()).sorted().toList() + topics);
                }
                return views.size() == 1;
            });
        try {
            Thread.sleep(Env.SETTLE_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
