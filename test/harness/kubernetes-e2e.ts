import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClientRun, output } from './client-suite.ts';
import { moduleHash } from './go-program.ts';
import { goProgram } from './go-toolchain.ts';
import { madeOnce } from './made-once.ts';

/** Versions are pinned by go.mod and go.sum there. */
const source = join(import.meta.dirname, 'kubernetes-e2e');

/** Release of Kubernetes that all of it is of. */
export const kubernetesVersion = /k8s\.io\/kubernetes (v\S+)/.exec(
  readFileSync(join(source, 'go.mod'), 'utf8'),
)?.[1] as string;

/** kubectl compares its own with the server's. */
const versionVariable = 'k8s.io/component-base/version.gitVersion';

/** Controllers of workloads that Berth has not, and cases of the suite need. */
const controllers = ['deployment', 'replicaset', 'replicationcontroller', 'job', 'cronjob', 'daemonset'];

/**
 * A folder with `e2e.test`, `ginkgo`, `kubectl`, `kube-controller-manager` and `agnhost`, built from their Go modules, once (ten minutes), where
 * `BERTH_KUBERNETES_E2E=1` asks for what takes an hour to run. @throws Error – they do not build.
 */
export function kubernetesE2e(): string | undefined {
  if (process.env['BERTH_KUBERNETES_E2E'] !== '1') return undefined;
  return madeOnce(`kubernetes-e2e/${moduleHash(source)}`, (target, work) => {
    mkdirSync(target);
    cpSync(source, work, { recursive: true });
    const flags = ['-trimpath', '-buildvcs=false', `-ldflags=-s -w -X ${versionVariable}=${kubernetesVersion}`];
    const go = (...args: string[]) =>
      execFileSync(goProgram(), args, {
        cwd: work,
        env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod', GOWORK: 'off' },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    go('build', ...flags, '-o', `${target}/`, 'tool');
    go('test', '-c', ...flags, '-o', join(target, 'e2e.test'), 'k8s.io/kubernetes/test/e2e');
  });
}

/** Upstream's controllers of workloads, at a server of ours, until it is disposed of. */
export function startWorkloadControllers(programs: string, kubeconfig: string): AsyncDisposable {
  const flags = ['--leader-elect=false', '--secure-port=0', '--kube-api-qps=200', '--kube-api-burst=400'];
  const wanted = `--controllers=${controllers.map((each) => `${each}-controller`).join()}`;
  const command = [join(programs, 'kube-controller-manager'), '--kubeconfig', kubeconfig, wanted, ...flags];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export interface SuiteRun {
  readonly programs: string;
  readonly kubeconfig: string;
  /** Names, as the suite reports them. */
  readonly cases: readonly string[];
  /** Where it writes its report. */
  readonly directory: string;
  /** Of the suite itself, such as `--storage.testdriver=FILE`. */
  readonly args?: readonly string[];
}

/** Runs these cases of the suite, four at a time but those that are to be alone. */
export async function runSuite({ programs, kubeconfig, cases, directory, args = [] }: SuiteRun): Promise<ClientRun> {
  const focus = cases.map((each) => `${each.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}( |$)`).join('|');
  const report = ['--json-report=report.json', `--output-dir=${directory}`];
  const ours = ['--procs=4', '--no-color', '--timeout=3h', '--flake-attempts=1', `--focus=${focus}`, ...report];
  const theirs = ['--provider=skeleton', `--kubeconfig=${kubeconfig}`, `--kubectl-path=${join(programs, 'kubectl')}`];
  const command = [...ours, join(programs, 'e2e.test'), '--', ...theirs, ...args];
  const said = await output(join(programs, 'ginkgo'), command, {
    cwd: directory,
    env: { KUBECONFIG: kubeconfig },
    timeoutMs: 3 * 3600_000,
  });
  const file = join(directory, 'report.json');
  const suites = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Suite[]) : [];
  const results = suites
    .flatMap(({ SpecReports }) => SpecReports ?? [])
    .map((spec) => [nameOf(spec), resultOf(spec)] as const);
  return new ClientRun(new Map(results), said.stdout + said.stderr);
}

/** Of ginkgo's report, what is read. */
interface Suite {
  readonly SpecReports?: readonly Spec[];
}

interface Spec {
  readonly ContainerHierarchyTexts?: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly State: string;
  readonly Failure?: { readonly Message?: string };
}

function nameOf({ ContainerHierarchyTexts, LeafNodeText }: Spec): string {
  return [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' ');
}

function resultOf({ State, Failure }: Spec) {
  return { passed: State === 'passed', output: `${State}: ${Failure?.Message ?? ''}` };
}
