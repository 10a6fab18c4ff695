import { join } from 'node:path';
import { type DriverProcess, startDriverProcess, startProgram } from './driver-process.ts';
import type { LifeStep } from './life.ts';
import { checkKept, checkNothingLeft, make, repeat, undisturbed, wordsOf } from './life-checks.ts';
import { type LifeKind, lifeOf } from './life-kinds.ts';
import { emptyPlace } from './life-pool.ts';

const program = join(import.meta.dirname, '../../csi-driver/src/main.ts');
const dieAt = join(import.meta.dirname, 'die-at.ts');

/** The real program, which ends by SIGKILL at a side effect of its own (die-at.ts). */
export async function startDoomed(folder: string, at: string, flags: readonly string[] = []): Promise<DriverProcess> {
  process.env['BERTH_DIE_AT'] = at;
  // Its sources are many: what one compiled of them, the next ones of this life have.
  process.env['NODE_COMPILE_CACHE'] = join(folder, 'compiled');
  try {
    const node = ['--disable-warning=ExperimentalWarning', '--import', dieAt, program];
    return await startProgram(folder, { node, flags });
  } finally {
    delete process.env['BERTH_DIE_AT'];
    delete process.env['NODE_COMPILE_CACHE'];
  }
}

/**
 * A life of which each program ends at the change to the machine that `deaths` says, counted from its start, until as many
 * have. @returns how many died. @throws where something was lost or is left.
 */
export async function killedLife(kind: LifeKind, deaths: readonly number[]): Promise<number> {
  return await undisturbed(() => new KilledLife(kind, deaths).run());
}

class KilledLife {
  readonly #kind: LifeKind;
  readonly #deaths: readonly number[];
  /** A life has every call there is. */
  readonly #flags: readonly string[];
  #died = 0;

  constructor(kind: LifeKind, deaths: readonly number[]) {
    this.#kind = kind;
    this.#deaths = deaths;
    this.#flags = kind.share ? [] : ['--attach'];
  }

  async run(): Promise<number> {
    using place = await emptyPlace(this.#kind);
    const life = lifeOf({ kind: this.#kind, folder: place.folder, name: 'life' });
    let driver = await this.#start(place.folder);
    /** The call, also of a driver that is dead by then. */
    const attempt = async (step: LifeStep): Promise<unknown> => {
      for (let again = false; ; again = true) {
        try {
          return await (again ? repeat(step, driver) : make(step, driver));
        } catch (error) {
          if (this.#died === this.#deaths.length || !(await hasDied(driver, error)))
            throw new Error(`${step.what} after ${this.#died} deaths: ${wordsOf(error)}\n${driver.log()}`, {
              cause: error,
            });
          await driver.kill();
          this.#died++;
          driver = await this.#start(place.folder);
          const log = driver.log().split('\n');
          await checkKept(driver, life, { step, log, pool: place.pool }).catch(async (problem: Error) => {
            if (!(await hasDied(driver, problem))) throw problem;
          });
        }
      }
    };
    for (const step of life.steps) {
      const acknowledge = await attempt(step);
      if (typeof acknowledge === 'function') acknowledge();
    }
    await driver[Symbol.asyncDispose]();
    await using last = await startDriverProcess(place.folder, this.#flags);
    await checkNothingLeft(last, life, place);
    return this.#died;
  }

  async #start(folder: string): Promise<DriverProcess> {
    const at = this.#deaths[this.#died];
    return at === undefined
      ? await startDriverProcess(folder, this.#flags)
      : await startDoomed(folder, `${at % 2 === 0 ? 'before' : 'after'} ${at}`, this.#flags);
  }
}

/** A connection is lost a moment before the end is known. */
async function hasDied({ child }: DriverProcess, error: unknown): Promise<boolean> {
  for (let looks = 0; child.signalCode === null && looks < 200; looks++) {
    if ((error as { code?: string }).code !== 'UNAVAILABLE') return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child.signalCode === 'SIGKILL';
}
