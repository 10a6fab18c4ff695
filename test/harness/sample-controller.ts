import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { goProgram } from './go-toolchain.ts';

/** Kubernetes' own example of a custom controller, as its module has it. */
const moduleVersion = 'k8s.io/sample-controller@v0.36.3';

export type RunningController = ChildProcess & AsyncDisposable;

export interface SampleController {
  /** The definition without and with a status endpoint, and a resource: the documents' examples, word for word. */
  readonly definition: string;
  readonly statusDefinition: string;
  readonly example: string;
  text(file: string): string;
  /** Runs the program until disposed. */
  run(kubeconfig: string): RunningController;
  /** Runs `examples/sample-controller`, the same in TypeScript. */
  runOwn(kubeconfig: string): RunningController;
}

export function sampleController(): SampleController {
  const folder = moduleFolder();
  const examples = join(folder, 'artifacts/examples');
  return {
    definition: join(examples, 'crd.yaml'),
    statusDefinition: join(examples, 'crd-status-subresource.yaml'),
    example: join(examples, 'example-foo.yaml'),
    text: (file) => readFileSync(file, 'utf8'),
    run: (kubeconfig) => running(build(folder), ['-kubeconfig', kubeconfig]),
    runOwn: (kubeconfig) => running(process.execPath, ['examples/sample-controller/main.ts', kubeconfig]),
  };
}

function running(program: string, args: string[]): RunningController {
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'ignore'] });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return Object.assign(child, { [Symbol.asyncDispose]: stop });
}

function moduleFolder(): string {
  const answer = execFileSync(goProgram(), ['mod', 'download', '-json', moduleVersion], { cwd: '/', encoding: 'utf8' });
  return (JSON.parse(answer) as { Dir: string }).Dir;
}

/** Its sources as they are, built once a machine. */
function build(folder: string): string {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth', 'sample-controller');
  const program = join(cache, moduleVersion.replaceAll('/', '-'));
  if (existsSync(program)) return program;
  const copy = mkdtempSync(join(tmpdir(), 'berth-sample-controller-'));
  try {
    cpSync(folder, copy, { recursive: true });
    execFileSync('chmod', ['-R', 'u+w', copy]);
    const env = { ...process.env, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
    execFileSync(goProgram(), ['build', '-buildvcs=false', '-o', join(copy, 'program'), '.'], {
      cwd: copy,
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    mkdirSync(cache, { recursive: true });
    cpSync(join(copy, 'program'), `${program}.new`);
    renameSync(`${program}.new`, program);
    return program;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
