import Glibc
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterEndToEnd {
  /// Hosts that reach each other over a network only: each a network namespace of the system, with an address of its own.
  @Suite struct NamespaceTests {
    /// Whether this machine lets us make them.
    static let areAllowed: Bool = {
      var sandbox = [Sandbox()]
      defer { sandbox.removeAll() }
      return run("true", sandbox[0], []) == .exited(0)
    }()

    /// Runs a script in a network, a mount and a process namespace of its own; all that it starts ends with it.
    private static func run(_ script: String, _ sandbox: Sandbox, _ words: [String]) -> ChildProcess.End? {
      let setUp = """
        set -eu
        mount -t tmpfs none /run
        ip link set lo up
        for n in 1 2; do
          ip netns add w$n
          ip link add v$n type veth peer name u$n netns w$n
          ip addr add 10.7.$n.1/24 dev v$n
          ip link set v$n up
          ip netns exec w$n ip addr add 10.7.$n.2/24 dev u$n
          ip netns exec w$n ip link set u$n up
          ip netns exec w$n ip link set lo up
          ip netns exec w$n ip route add default via 10.7.$n.1
        done
        echo 1 > /proc/sys/net/ipv4/ip_forward

        """
      var plan = ChildProcess.Plan(
        program: "/usr/bin/env",
        arguments: [
          "env", "unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc",
          "--kill-child", "bash", "-c", setUp + script, "script",
        ] + words)
      plan.input = open("/dev/null", O_RDONLY | O_CLOEXEC)
      plan.output = open(sandbox.path + "/output", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
      plan.errors = open(sandbox.path + "/errors", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
      defer { for descriptor in [plan.input, plan.output, plan.errors] { close(descriptor) } }
      guard var process = try? ChildProcess(plan) else { return nil }
      let isOver = eventually(seconds: 120) { process.hasEnded }
      if !isOver { process.killGroup() }
      return process.wait(blocks: true)
    }

    @Test(.enabled(if: areAllowed, "this machine allows no network namespaces, or has no ip or unshare"))
    func `scheduler and workers on three hosts give what one process gives`() async throws {
      try await asideAlone {
        let sandbox = Sandbox()
        let programs = Programs.path("x").split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let script = """
          bin=$1; dir=$2; secret="--secret-file $dir/secret"
          (umask 077; echo between-us > $dir/secret)
          $bin/martlet-csv generate --kind groupby --rows 20000 --seed 7 --output $dir/in.csv
          $bin/martlet-scheduler --host 0.0.0.0 --port 8786 --http-port none $secret --ready-file $dir/ready 2> $dir/log &
          scheduler=$!
          workers=
          for n in 1 2; do
            ip netns exec w$n $bin/martlet-worker tcp://10.7.$n.1:8786 --name w$n --threads 1 --local-directory $dir \\
              --host 0.0.0.0 --advertise 10.7.$n.2 $secret --ready-file $dir/ready$n 2> $dir/log$n &
            workers="$workers $!"
          done
          for n in 1 2; do until grep -q "(w$n, 10.7.$n.2:" $dir/log; do sleep 0.05; done; done
          query="group --by id1,id2 --agg sum(v1),mean(v3) --partition 64KiB $dir/in.csv"
          $bin/martlet-csv $query > $dir/alone
          $bin/martlet-csv $query --cluster tcp://10.7.1.1:8786 $secret > $dir/together
          # One that advertises what nobody else reaches, and one without the secret.
          ! $bin/martlet-csv $query --cluster tcp://10.7.1.1:8786 2> $dir/stranger
          kill -TERM $workers
          wait $workers
          kill -TERM $scheduler
          wait $scheduler
          """
        let end = NamespaceTests.run(script, sandbox, [programs, sandbox.path])
        let errors = (sandbox.text("errors") ?? "") + (sandbox.text("log") ?? "") + (sandbox.text("log1") ?? "")
        #expect(end == .exited(0), "\(errors)")
        let alone = sandbox.text("alone") ?? ""
        #expect(alone.split(separator: "\n").count > 1000)
        #expect(sandbox.text("together") == alone)
        #expect(sandbox.text("stranger")?.contains("secret") == true, "\(sandbox.text("stranger") ?? "")")
      }
    }
  }
}
