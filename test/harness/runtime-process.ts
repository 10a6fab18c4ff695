import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { ResolvedImage } from '../../orchestrator/src/runtime/image-source.ts';

/**
 * A runtime in a process of its own, to be killed. It does what `script` says, an async function body that sees `h`
 * (with `runtime`, `logs`) and the harness's functions, and prints the JSON of what that returns.
 */
export async function runtimeProcess(
  directory: string,
  image: ResolvedImage,
  script: string,
): Promise<{ readonly answer: unknown; kill(): Promise<void> }> {
  const harness = pathToFileURL(join(import.meta.dirname, 'runtime-harness.ts')).href;
  const program = `
    import { flushCompileCache } from 'node:module';
    import * as harness from ${JSON.stringify(harness)};
    const directory = ${JSON.stringify(directory)};
    const runtime = await harness.startTestRuntime(directory, ${JSON.stringify(image)});
    flushCompileCache();
    const h = { directory, logs: directory + '/logs', runtime };
    const run = new (async () => {}).constructor('h', 'harness', ${JSON.stringify(script)});
    console.log(JSON.stringify((await run(h, harness)) ?? null));
    setInterval(() => undefined, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Its sources are many: what the first compiled of them, the next ones have, though all are killed.
    env: { ...process.env, NODE_COMPILE_CACHE: join(directory, 'compiled') },
  });
  return { answer: await firstAnswer(child), kill: () => kill(child) };
}

async function firstAnswer(child: ChildProcess): Promise<unknown> {
  for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line);
  throw new Error(`the process ended with code ${child.exitCode} without an answer`);
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
