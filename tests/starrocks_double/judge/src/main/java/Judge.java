import com.starrocks.data.load.stream.StreamLoadDataFormat;
import com.starrocks.data.load.stream.StreamLoadSnapshot;
import com.starrocks.data.load.stream.properties.StreamLoadProperties;
import com.starrocks.data.load.stream.properties.StreamLoadTableProperties;
import com.starrocks.data.load.stream.v2.StreamLoadManagerV2;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;

/** Drives a cluster with StarRocks' own SDK and Connector/J. Arguments: HTTP ports of the FEs, a query port. */
public class Judge {
    static String[] urls;
    static Connection sql;
    static int cases;

    public static void main(String[] ports) throws Exception {
        urls = new String[] {"http://127.0.0.1:" + ports[0], "http://127.0.0.1:" + ports[1]};
        sql = DriverManager.getConnection("jdbc:mysql://127.0.0.1:" + ports[2] + "?sslMode=DISABLED&useServerPrepStmts=true", "root", "");
        run("DROP DATABASE IF EXISTS judged FORCE");
        run("CREATE DATABASE judged");
        StreamLoadDataFormat json = StreamLoadDataFormat.JSON, csv = new StreamLoadDataFormat.CSVFormat("\n");
        for (String url : urls) {
            twoPhases("json", json, null, url);
            twoPhases("csv", csv, null, url);
            twoPhases("json lz4", json, "lz4_frame", url);
            twoPhases("csv lz4", csv, "lz4_frame", url);
        }
        aborted(json);
        badRow(json);
        plain(json);
        automatic(json);
        System.out.println("judge: " + cases + " cases passed");
        System.exit(0);
    }

    static void twoPhases(String name, StreamLoadDataFormat format, String compression, String url) throws Exception {
        table();
        StreamLoadManagerV2 manager = manager(format, compression, false, true, 0, url);
        manager.init();
        boolean isJson = format.name().equalsIgnoreCase("json");
        for (int id = 0; id < 100; id++) {
            manager.write(null, "judged", "t", row(isJson, id, "e" + id, 0));
        }
        manager.write(null, "judged", "t", row(isJson, 7, "e7", 1));
        manager.flush();
        StreamLoadSnapshot snapshot = manager.snapshot();
        check(name + ": prepared", manager.prepare(snapshot));
        check(name + ": nothing is visible yet", count() == 0);
        check(name + ": committed", manager.commit(snapshot));
        check(name + ": 99 rows", count() == 99);
        check(name + ": a second commit", manager.commit(snapshot));
        manager.close();
    }

    static void aborted(StreamLoadDataFormat format) throws Exception {
        table();
        StreamLoadManagerV2 manager = manager(format, null, false, true, 0, urls[0]);
        manager.init();
        manager.write(null, "judged", "t", row(true, 1, "a", 0));
        manager.flush();
        StreamLoadSnapshot snapshot = manager.snapshot();
        check("abort: prepared", manager.prepare(snapshot));
        check("abort", manager.abort(snapshot));
        check("abort: no rows", count() == 0);
        manager.close();
    }

    static void badRow(StreamLoadDataFormat format) throws Exception {
        table();
        StreamLoadManagerV2 manager = manager(format, null, false, true, 0, urls[0]);
        manager.init();
        manager.write(null, "judged", "t", row(true, 1, "x".repeat(50), 0));
        String message = "";
        try {
            manager.flush();
            if (!manager.prepare(manager.snapshot())) {
                message = "" + manager.getException();
            }
        } catch (Exception error) {
            message = "" + error + error.getCause();
        }
        check("a bad row is told: " + message, message.contains("too many filtered rows"));
        check("a bad row: no rows", count() == 0);
        manager.close();
    }

    static void plain(StreamLoadDataFormat format) throws Exception {
        table();
        StreamLoadManagerV2 manager = manager(format, null, true, false, 3, urls[0]);
        manager.init();
        manager.write(null, "judged", "t", row(true, 1, "a", 0));
        manager.flush();
        manager.close();
        check("plain stream load", count() == 1);
    }

    static void automatic(StreamLoadDataFormat format) throws Exception {
        table();
        StreamLoadManagerV2 manager = manager(format, null, true, true, 0, urls[0]);
        manager.init();
        manager.write(null, "judged", "t", row(true, 1, "a", 0));
        manager.flush();
        manager.close();
        check("transactions that the SDK commits by itself", count() == 1);
    }

    static StreamLoadManagerV2 manager(StreamLoadDataFormat format, String compression, boolean automatic, boolean transactions, int retries, String url) {
        StreamLoadTableProperties.Builder table = StreamLoadTableProperties.builder().database("judged").table("t").columns("id,v,__op")
            .streamLoadDataFormat(format).addProperty("strict_mode", "true").addProperty("max_filter_ratio", "0");
        if (format.name().equalsIgnoreCase("json")) {
            table.addProperty("format", "json").addProperty("strip_outer_array", "true");
        } else {
            table.addProperty("format", "csv");
        }
        if (compression != null) {
            table.addProperty("compression", compression);
        }
        StreamLoadProperties.Builder properties = StreamLoadProperties.builder().loadUrls(url).jdbcUrl("unused").username("root").password("")
            .version("4.0.5").labelPrefix("judge").ioThreadCount(2).scanningFrequency(50).expectDelayTime(100).maxRetries(retries)
            .waitForContinueTimeoutMs(10000).defaultTableProperties(table.build());
        if (transactions) {
            properties.enableTransaction();
        }
        return new StreamLoadManagerV2(properties.build(), automatic);
    }

    static String row(boolean json, int id, String value, int operation) {
        return json ? "{\"id\":" + id + ",\"v\":\"" + value + "\",\"__op\":" + operation + "}" : id + "\t" + value + "\t" + operation;
    }

    static void table() throws Exception {
        run("DROP TABLE IF EXISTS judged.t FORCE");
        run("CREATE TABLE judged.t (id INT NOT NULL, v VARCHAR(20)) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) PROPERTIES(\"replication_num\"=\"1\")");
    }

    static int count() throws Exception {
        try (Statement statement = sql.createStatement(); ResultSet rows = statement.executeQuery("SELECT count(*) AS n FROM judged.t")) {
            rows.next();
            return rows.getInt("n");
        }
    }

    static void run(String text) throws Exception {
        try (Statement statement = sql.createStatement()) {
            statement.execute(text);
        }
    }

    static void check(String what, boolean holds) {
        if (!holds) {
            System.err.println("judge: failed: " + what);
            System.exit(1);
        }
        cases++;
    }
}
