import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { builtGoProgram, moduleHash } from './go-program.ts';

/** Upstream's own code in a process of its own: a Go program below this folder that answers each line of JSON with one. */
export class GoOracle<Question, Answer> implements Disposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: PromiseWithResolvers<string>[] = [];

  /** `name` is its folder's; it is built where it has not been. */
  constructor(name: string) {
    this.#child = spawn(build(name), [], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    this.#child.stderr.on('data', (text: Buffer) => {
      said = (said + text.toString()).slice(-4000);
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(line));
    this.#child.once('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${name} ended: ${said}`));
    });
  }

  ask(question: Question): Promise<Answer> {
    const answer = Promise.withResolvers<string>();
    this.#waiting.push(answer);
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    return answer.promise.then((line) => JSON.parse(line) as Answer);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

/** Where the source of such a program is. */
export function oracleSource(name: string): string {
  return join(import.meta.dirname, name);
}

/** Built once for each state of its source; versions are pinned by go.mod and go.sum beside it. */
function build(name: string): string {
  const source = oracleSource(name);
  return builtGoProgram({ name: `${name}/${moduleHash(source)}`, source });
}
