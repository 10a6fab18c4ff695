import { type InProcessDriver, startInProcess } from './in-process-driver.ts';
import { make, repeat, wordsOf } from './life-checks.ts';
import { lifePlace } from './life-place.ts';
import type { nfsStatuses } from './rpc-calls.ts';
import { emptyShare, type LifeOnShare, ShareLife } from './share-life.ts';
import { type Fault, type SystemCall, systemCallsEnded, watchSystemCalls } from './system-calls.ts';
import { type LifeStep, leftInPool } from './volume-life.ts';

export type NfsStatus = keyof typeof nfsStatuses;

/** What happens at the n-th call of a driver since it started: it ends, or the call fails. */
export interface ShareFault {
  readonly n: number;
  readonly what: 'before' | 'after' | NfsStatus;
}

export interface SeenCall {
  /** `step: call`, without the names of this life. */
  readonly label: string;
  readonly changes: boolean;
}

export interface ShareTrace {
  /** Calls of the first driver. */
  readonly calls: readonly SeenCall[];
  /** Those of the driver after its crash, up to the first call of the life. */
  readonly atRestart: readonly SeenCall[];
  readonly hit: string | undefined;
  /** What the call said that met a failure; undefined where it did without. */
  readonly said: string | undefined;
}

class Crashed extends Error {}

/** What a failing call on this machine meets, where a server would have said this. */
const local: Readonly<Partial<Record<NfsStatus, string>>> = { IO: 'EIO', NOSPC: 'ENOSPC', ROFS: 'EROFS' };

const patienceMs = 15_000;

/** Watches one driver in this process, and ends it or fails a call where it is told. */
class Watcher {
  readonly calls: SeenCall[] = [];
  step = 'start';
  dead = false;
  quiet = false;
  hit: string | undefined;
  readonly #fault: ShareFault | undefined;

  constructor(fault: ShareFault | undefined) {
    this.#fault = fault;
  }

  readonly watch = ({ name, changes }: SystemCall): Fault | undefined => {
    if (this.quiet) return undefined;
    if (this.dead) return { at: 'before', end: this.#end };
    const label = `${this.step.replace(/ life.*/, '')}: ${name}`;
    this.calls.push({ label, changes });
    const fault = this.#fault;
    if (!fault || this.calls.length !== fault.n) return undefined;
    this.hit = label;
    if (fault.what === 'before' || fault.what === 'after') return { at: fault.what, end: this.#end };
    const errno = name.startsWith('NFS3 ') ? fault.what : local[fault.what];
    return errno === undefined || /^(PORTMAP|MOUNT)/.test(name) ? undefined : { at: 'errno', errno };
  };

  readonly quietly = <T>(work: () => T): T => {
    this.quiet = true;
    try {
      return work();
    } finally {
      this.quiet = false;
    }
  };

  readonly #end = (): never => {
    this.dead = true;
    throw new Crashed('the driver has crashed');
  };
}

/** Lives on one share, one after the other, on one pool. */
export async function sharePool(share: LifeOnShare) {
  await emptyShare(share);
  const place = await lifePlace();
  let lives = 0;
  return {
    /** `second`: what happens in the start after a crash. @throws where something was lost or is left. */
    live: (first?: ShareFault, second?: ShareFault) =>
      new ShareTrial({ share, place, name: `life${lives++}` }, [first, second]).run(),
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

interface Living {
  readonly share: LifeOnShare;
  readonly place: { readonly folder: string; readonly pool: string };
  readonly name: string;
}

class ShareTrial {
  readonly #living: Living;
  readonly #life: ShareLife;
  readonly #watchers: Watcher[];
  #at = 0;
  #said: string | undefined;
  #running: { readonly tap: Disposable; readonly driver: InProcessDriver } | undefined;

  constructor(living: Living, faults: readonly (ShareFault | undefined)[]) {
    this.#living = living;
    this.#watchers = faults.map((fault) => new Watcher(fault));
    const { share, place, name } = living;
    const quietly = <T>(work: () => T): T => this.#watcher.quietly(work);
    this.#life = new ShareLife({ share, folder: place.folder, name, quietly });
  }

  async run(): Promise<ShareTrace> {
    try {
      await this.#start();
      for (const step of this.#life.steps) await this.#live(step);
      await this.#end();
      this.#at++;
      await this.#start();
      await this.#left();
    } finally {
      await this.#end();
    }
    const [first, second] = this.#watchers as [Watcher, Watcher];
    const atRestart = second.calls.filter(({ label }) => label.startsWith('start'));
    return { calls: first.calls, atRestart, hit: first.hit, said: this.#said };
  }

  get #watcher(): Watcher {
    this.#watchers[this.#at] ??= new Watcher(undefined);
    return this.#watchers[this.#at] as Watcher;
  }

  async #live(step: LifeStep): Promise<void> {
    let again = false;
    while (!(await this.#attempt(step, again))) {
      again = true;
      while (this.#watcher.dead && !(await this.#begunAnew(step)));
    }
  }

  /** @returns false where that driver crashed too, in what it did in the background. */
  async #begunAnew(step: LifeStep): Promise<boolean> {
    await this.#end();
    this.#at++;
    await this.#start();
    try {
      await this.#kept(step);
      return true;
    } catch (error) {
      if (this.#watcher.dead) return false;
      throw error;
    }
  }

  /** @returns false where the driver crashed meanwhile, whatever it answered, or its call failed as it was told to. */
  async #attempt(step: LifeStep, again: boolean): Promise<boolean> {
    const watcher = this.#watcher;
    watcher.step = step.what;
    const wasHit = watcher.hit !== undefined;
    const driver = this.#running!.driver;
    try {
      const acknowledge = await (again ? repeat(step, driver) : make(step, driver));
      if (watcher.dead) return false;
      if (typeof acknowledge === 'function') acknowledge();
      return true;
    } catch (error) {
      if (watcher.dead) return false;
      if (wasHit || watcher.hit === undefined)
        throw new Error(`${again ? 'repeated ' : ''}${step.what}: ${wordsOf(error)}`, { cause: error });
      this.#said = wordsOf(error);
      return false;
    }
  }

  /** Starts the driver, once more where it crashes or fails at that. */
  async #start(): Promise<void> {
    for (;;) {
      const watcher = this.#watcher;
      const tap = watchSystemCalls((call) => watcher.watch(call));
      try {
        this.#running = { tap, driver: await startInProcess({ ...this.#living.place, log: () => undefined }) };
        return;
      } catch (error) {
        await systemCallsEnded();
        tap[Symbol.dispose]();
        if (watcher.hit === undefined) throw error;
        if (!watcher.dead) this.#said = wordsOf(error);
        this.#at++;
      }
    }
  }

  async #end(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    await systemCallsEnded();
    try {
      await running.driver[Symbol.asyncDispose]();
    } catch (error) {
      if (!this.#watcher.dead) throw error;
    }
    await systemCallsEnded();
    running.tap[Symbol.dispose]();
  }

  async #listed(): Promise<Set<string>> {
    const { controller } = this.#running!.driver;
    const volumes = (await controller.ListVolumes({})).entries.map(({ volume }) => volume!.volumeId);
    const snapshots = (await controller.ListSnapshots({})).entries.map(({ snapshot }) => snapshot!.snapshotId);
    return new Set([...volumes, ...snapshots]);
  }

  /** What was answered is there after the crash, and what was not goes, without anybody asking. */
  async #kept({ what }: LifeStep): Promise<void> {
    const listed = await this.#listed();
    for (const [name, id] of this.#life.acknowledged) {
      if (listed.has(id) || what.startsWith('Delete')) continue;
      throw new Error(`${name} was answered and is lost`);
    }
    await gone('the start after the crash left', async () => this.#life.strays(await this.#listed()));
  }

  async #left(): Promise<void> {
    await gone('left behind:', async () => [
      ...(await this.#listed()),
      ...this.#watcher.quietly(() => leftInPool(this.#living.place.pool)),
      ...this.#life.left(),
    ]);
  }
}

async function gone(what: string, left: () => Promise<readonly string[]>): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (let rest = await left(); rest.length > 0; rest = await left()) {
    if (Date.now() > deadline) throw new Error(`${what} ${rest.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
