import { grpcError } from '@berth/protos';
import type { Backend } from './backend.ts';
import type { Pool } from './pool.ts';
import { byQuota } from './quota-choice.ts';

/** What pools have, where their filesystem can. */
const ownBackends: ReadonlySet<string> = new Set(['directory', 'image', 'btrfs']);

/** Who keeps a volume that names nobody. */
export const defaultBackend = 'directory';

/** A backend in one of its pools; without a pool where it keeps volumes elsewhere, such as on a server. */
export interface Placement {
  readonly backend: Backend;
  readonly pool?: Pool;
  /** False where nothing new may be put: what is there stays usable. */
  readonly offered?: boolean;
}

/** A pool whose disk is not mounted. What is in it waits for it, and nothing is put where it should be. */
export interface AbsentPool {
  readonly path: string;
  readonly why: string;
}

/** What a record says about where its data is. One without a pool is in the first, as all were once. */
export interface Whereabouts {
  readonly id: string;
  readonly backend: string;
  readonly pool?: string;
}

/** The backends of this driver, by the names a class gives in its parameters `backend` and `pool`. */
export class Backends {
  readonly placements: readonly Placement[];
  readonly #offered: readonly Placement[];
  readonly #firstPool: string | undefined;
  readonly #byPlace: ReadonlyMap<string, Placement>;
  /** Pools that were not there at the start. */
  readonly absent: ReadonlyMap<string, AbsentPool>;

  /** In the order of the pools. */
  constructor(placements: readonly Placement[], absent: ReadonlyMap<string, AbsentPool> = new Map()) {
    this.placements = placements;
    this.absent = absent;
    this.#offered = placements.filter(({ offered }) => offered !== false);
    this.#firstPool = placements.find(({ pool }) => pool)?.pool?.name;
    this.#byPlace = new Map(
      placements.map((placement) => [placeOf(placement.backend.name, placement.pool?.name), placement]),
    );
  }

  get all(): readonly Backend[] {
    return this.placements.map(({ backend }) => backend);
  }

  /** In the order of the flags. */
  get pools(): readonly Pool[] {
    return [...new Set(this.placements.flatMap(({ pool }) => (pool ? [pool] : [])))];
  }

  /**
   * Where a class may have its volumes.
   * @throws GrpcError INVALID_ARGUMENT – no such backend or pool; names those there are; RESOURCE_EXHAUSTED – as {@link byQuota};
   *   UNAVAILABLE – they are in pools that are not there now.
   */
  candidates(parameters: Readonly<Record<string, string>>): readonly Placement[] {
    const named = this.#named(parameters);
    if (named[0]?.backend.name !== defaultBackend) return named;
    return byQuota(parameters, named, (others) => this.#named(others));
  }

  #named(parameters: Readonly<Record<string, string>>): readonly Placement[] {
    const name = parameters['backend'] ?? this.#defaultBackend(parameters['pool']);
    const offered = this.#offered.filter(({ backend }) => backend.name === name);
    const pool = parameters['pool'];
    if (pool !== undefined && this.absent.has(pool)) throw this.#notThere(pool);
    if (offered.length === 0) {
      const [away] = this.absent.keys();
      if (away !== undefined && ownBackends.has(name)) throw this.#notThere(away);
      const allowed = [...new Set(this.#offered.map(({ backend }) => backend.name))].join(', ');
      throw grpcError('INVALID_ARGUMENT', `parameter "backend" is "${name}"; allowed are ${allowed}`);
    }
    const wanted = offered.filter((placement) => pool === undefined || placement.pool?.name === pool);
    const there = wanted.filter((placement) => placement.pool?.isThere() !== false);
    if (there.length > 0) return there;
    if (wanted[0]?.pool) throw this.#notThere(wanted[0].pool.name);
    const pools = offered.map((placement) => placement.pool?.name).filter((one) => one !== undefined);
    throw grpcError(
      'INVALID_ARGUMENT',
      pools.length === 0
        ? `parameter "pool" is "${pool}"; the backend "${name}" keeps its volumes in no pool`
        : `parameter "pool" is "${pool}"; pools with the backend "${name}" are ${pools.join(', ')}`,
    );
  }

  /** @throws GrpcError INVALID_ARGUMENT – no such backend; names those there are. */
  forParameters(parameters: Readonly<Record<string, string>>): Backend {
    return this.candidates(parameters)[0]?.backend as Backend;
  }

  /** @returns undefined where the volume is in a pool, or was made by a backend, this driver has not now. */
  find({ backend, pool = this.#firstPool }: Whereabouts): Placement | undefined {
    return this.#byPlace.get(placeOf(backend, pool)) ?? this.#byPlace.get(placeOf(backend, undefined));
  }

  /**
   * @throws GrpcError FAILED_PRECONDITION – the volume is in a pool, or was made by a backend, this driver has not now;
   *   UNAVAILABLE – its pool is not where it was: others are unharmed, and it may come back.
   */
  placementOf(record: Whereabouts): Placement {
    const placement = this.find(record);
    if (placement?.pool?.isThere() === false) throw this.#notThere(placement.pool.name, record.id);
    if (placement) return placement;
    const { id, backend, pool = this.#firstPool } = record;
    if (pool !== undefined && this.absent.has(pool)) throw this.#notThere(pool, id);
    throw grpcError(
      'FAILED_PRECONDITION',
      `"${id}" is kept by the backend "${backend}" in the pool "${pool}", which this driver has not now`,
    );
  }

  /** @throws GrpcError FAILED_PRECONDITION – as {@link placementOf}. */
  of(record: Whereabouts): Backend {
    return this.placementOf(record).backend;
  }

  #notThere(name: string, id?: string): Error {
    const absent = this.absent.get(name);
    const path = absent?.path ?? this.pools.find((pool) => pool.name === name)?.path;
    const what = id === undefined ? `the pool "${name}"` : `"${id}" is in the pool "${name}", which`;
    const is = absent
      ? `was not there when this driver started (${absent.why}): mount its disk at ${path}, and start the driver anew`
      : `is not there any more: mount its disk at ${path} again; with another disk, start the driver anew`;
    return grpcError('UNAVAILABLE', `${what} ${is}`);
  }

  /** A pool may be for other backends only; then its first is what a class means that names the pool alone. */
  #defaultBackend(pool: string | undefined): string {
    const offers = (name: string) =>
      this.#offered.some((one) => one.backend.name === name && (pool === undefined || one.pool?.name === pool));
    if (offers(defaultBackend)) return defaultBackend;
    const first = this.#offered.find((one) => (pool === undefined ? one.pool : one.pool?.name === pool));
    return first?.backend.name ?? defaultBackend;
  }
}

function placeOf(backend: string, pool: string | undefined): string {
  return `${backend}@${pool ?? ''}`;
}
