import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtGoProgram, goModule } from './go-program.ts';

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
  const folder = goModule(moduleVersion);
  const examples = join(folder, 'artifacts/examples');
  return {
    definition: join(examples, 'crd.yaml'),
    statusDefinition: join(examples, 'crd-status-subresource.yaml'),
    example: join(examples, 'example-foo.yaml'),
    text: (file) => readFileSync(file, 'utf8'),
    run: (kubeconfig) => running(builtSampleController(), ['-kubeconfig', kubeconfig]),
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

/** Its sources as they are, built once a machine. @returns the program. */
export function builtSampleController(): string {
  return builtGoProgram({
    name: `sample-controller/${moduleVersion.replaceAll('/', '-')}`,
    source: goModule(moduleVersion),
  });
}
