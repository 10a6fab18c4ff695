import { systemClock } from '@berth/kit';
import {
  asGrpcError,
  type csi,
  csiController,
  csiGroupController,
  csiIdentity,
  csiNode,
  csiSnapshotMetadata,
  type GrpcCode,
  type GrpcConnection,
  type GrpcError,
  type Service,
  type ServiceClient,
  type ServiceType,
} from '@berth/protos';
import { inWords, pairOf, UndoList } from './undo-list.ts';

/** After these nobody knows whether the call did its work (CSI spec, "Error Scheme"). */
export const uncertainCodes: readonly GrpcCode[] = [
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'UNAVAILABLE',
  'ABORTED',
  'UNKNOWN',
];

/** With pauses where a call may yet be under way: some seconds in all. */
const undoRounds = 8;

export interface TrackedOptions {
  readonly connection: GrpcConnection;
  readonly secrets: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** What others have made already. */
  readonly undo?: UndoList;
  /** Told of each call: for statistics, and for what is true of every error. */
  readonly onCall?: (method: string, error: GrpcError | undefined) => void;
}

type Unary = (request: object, options: object) => Promise<object>;

/** A driver whose every call is remembered, so that all it made can be taken back. */
export class TrackedDriver {
  readonly identity;
  readonly controller;
  readonly group;
  /** Its calls make nothing, so they are not tracked. */
  readonly metadata: ServiceClient<csi.SnapshotMetadataService>;
  readonly node;
  readonly #undo: UndoList;
  readonly #options: TrackedOptions;
  readonly #underWay = new Set<Promise<object>>();

  constructor(options: TrackedOptions) {
    this.#options = options;
    this.#undo = options.undo ?? new UndoList();
    this.identity = this.#tracked(csiIdentity);
    this.controller = this.#tracked(csiController);
    this.group = this.#tracked(csiGroupController);
    this.metadata = options.connection.service(csiSnapshotMetadata);
    this.node = this.#tracked(csiNode);
  }

  /**
   * Takes back all that was made, as often as it takes; what depends on another goes first. Calls that are under way are
   * waited for: of several at once the first that fails ends who made them.
   * @returns what could not be taken back, with the last error of each.
   */
  async undoAll(): Promise<string[]> {
    const errors = new Map<string, GrpcError>();
    const attempt = async (what: string, work: () => Promise<unknown>) => {
      try {
        await work();
        errors.delete(what);
      } catch (error) {
        errors.set(what, asGrpcError(error));
      }
    };
    await this.#callsEnded();
    for (let round = 0; round < undoRounds && !this.#undo.isEmpty; round++) {
      if ([...errors.values()].some(({ code }) => uncertainCodes.includes(code)))
        await systemClock.sleep(2 ** round * 25);
      await this.#undoRound(attempt);
    }
    return this.#undo.describe().map((left) => `${left}: ${errors.get(left)?.message ?? 'unknown'}`);
  }

  async #callsEnded(): Promise<void> {
    while (this.#underWay.size > 0) {
      await Promise.allSettled(this.#underWay);
      // What they were for may call on.
      await systemClock.sleep(0);
    }
  }

  async #undoRound(attempt: (what: string, work: () => Promise<unknown>) => Promise<void>): Promise<void> {
    const { volumes, snapshots, groups, staged, published, attached, uncertain } = this.#undo;
    for (const [name, request] of [...uncertain]) {
      // An outcome that is uncertain again puts it back; after a refusal nothing was made.
      uncertain.delete(name);
      await attempt(inWords.uncertain(name), () => this.controller.CreateVolume(request));
    }
    for (const key of [...published].reverse()) {
      const [volumeId, targetPath] = pairOf(key);
      await attempt(inWords.published(key), () => this.node.NodeUnpublishVolume({ volumeId, targetPath }));
    }
    for (const key of [...staged].reverse()) {
      const [volumeId, stagingTargetPath] = pairOf(key);
      await attempt(inWords.staged(key), () => this.node.NodeUnstageVolume({ volumeId, stagingTargetPath }));
    }
    for (const key of [...attached].reverse()) {
      const [volumeId, nodeId] = pairOf(key);
      await attempt(inWords.attached(key), () => this.controller.ControllerUnpublishVolume({ volumeId, nodeId }));
    }
    for (const [id, snapshotIds] of [...groups]) {
      const request = { groupSnapshotId: id, snapshotIds };
      await attempt(inWords.groups(id), () => this.group.DeleteVolumeGroupSnapshot(request));
    }
    for (const volumeId of [...volumes].reverse())
      await attempt(inWords.volumes(volumeId), () => this.controller.DeleteVolume({ volumeId }));
    for (const snapshotId of [...snapshots].reverse())
      await attempt(inWords.snapshots(snapshotId), () => this.controller.DeleteSnapshot({ snapshotId }));
  }

  #tracked<S extends ServiceType>(service: Service<S>): ServiceClient<S> {
    const client = this.#options.connection.service(service) as unknown as Record<string, Unary>;
    const methods = service.methods.map((name) => [name, this.#wrap(name, client[name] as Unary)]);
    return Object.fromEntries(methods) as ServiceClient<S>;
  }

  #wrap(name: string, call: Unary): Unary {
    const { secrets, timeoutMs, onCall } = this.#options;
    const tracked: Unary = async (request, options) => {
      // Fields a message does not have are left out on the way.
      const whole = Object.keys(secrets).length === 0 ? request : { secrets, ...request };
      try {
        const response = await call(whole, { timeoutMs, ...options });
        this.#undo.note(name, whole, response);
        onCall?.(name, undefined);
        return response;
      } catch (error) {
        const known = asGrpcError(error);
        if (uncertainCodes.includes(known.code)) this.#undo.note(name, whole, undefined);
        onCall?.(name, known);
        throw known;
      }
    };
    return async (request, options) => {
      const answer = tracked(request, options);
      this.#underWay.add(answer);
      try {
        return await answer;
      } finally {
        this.#underWay.delete(answer);
      }
    };
  }
}
