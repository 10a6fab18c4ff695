import type { csi, Init } from '@berth/protos';

type CreateRequest = Init<csi.CreateVolumeRequest>;

/** What calls have made at a driver and nothing has taken back yet. */
export class UndoList {
  readonly volumes = new Set<string>();
  readonly snapshots = new Set<string>();
  /** By the id of a group: the ids of its snapshots, which its deletion asks for. */
  readonly groups = new Map<string, readonly string[]>();
  /** Volume id and path of what is, or may be, there; JSON of the pair is the key. */
  readonly staged = new Set<string>();
  readonly published = new Set<string>();
  readonly attached = new Set<string>();
  /** Requests whose outcome is unknown: only their repetition tells the id (CSI spec, "Timeouts"). */
  readonly uncertain = new Map<string, CreateRequest>();

  /** Told of every call that may have changed something. */
  note(method: string, request: object, response: object | undefined): void {
    const step = steps[method];
    if (step) step(this, request as never, response as never);
  }

  get isEmpty(): boolean {
    const sets = [
      this.volumes,
      this.snapshots,
      this.groups,
      this.staged,
      this.published,
      this.attached,
      this.uncertain,
    ];
    return sets.every(({ size }) => size === 0);
  }

  /** What is left, in words. */
  describe(): string[] {
    const { published, staged, attached, groups, snapshots, volumes, uncertain } = this;
    const left = {
      published,
      staged,
      attached,
      groups: groups.keys(),
      snapshots,
      volumes,
      uncertain: uncertain.keys(),
    };
    return Object.entries(left).flatMap(([kind, keys]) => [...keys].map((key) => inWords[kind as Kind](key)));
  }
}

type Kind = 'published' | 'staged' | 'attached' | 'groups' | 'snapshots' | 'volumes' | 'uncertain';

/** What a key of such a list stands for. */
export const inWords: Readonly<Record<Kind, (key: string) => string>> = {
  published: (key) => `published ${pairOf(key).join(' at ')}`,
  staged: (key) => `staged ${pairOf(key).join(' at ')}`,
  attached: (key) => `attached ${pairOf(key).join(' at ')}`,
  groups: (id) => `group snapshot ${id}`,
  snapshots: (id) => `snapshot ${id}`,
  volumes: (id) => `volume ${id}`,
  uncertain: (name) => `volume named ${name}`,
};

/** The volume id and path of a key. */
export function pairOf(key: string): [volumeId: string, path: string] {
  return JSON.parse(key) as [string, string];
}

function keyOf(volumeId: string | undefined, path: string | undefined): string {
  return JSON.stringify([volumeId ?? '', path ?? '']);
}

type Step = (list: UndoList, request: never, response: never) => void;

/** A response that is absent is one nobody knows: the call may have done its work. */
const steps: Readonly<Record<string, Step>> = {
  CreateVolume: (list, request: CreateRequest, response: csi.CreateVolumeResponse | undefined) => {
    const name = request.name ?? '';
    if (!response) return void list.uncertain.set(name, request);
    list.uncertain.delete(name);
    if (response.volume) list.volumes.add(response.volume.volumeId);
  },
  CreateSnapshot: (list, _request, response: csi.CreateSnapshotResponse | undefined) => {
    if (response?.snapshot) list.snapshots.add(response.snapshot.snapshotId);
  },
  CreateVolumeGroupSnapshot: (list, _request, response: csi.CreateVolumeGroupSnapshotResponse | undefined) => {
    const group = response?.groupSnapshot;
    if (group)
      list.groups.set(
        group.groupSnapshotId,
        group.snapshots.map(({ snapshotId }) => snapshotId),
      );
  },
  DeleteVolumeGroupSnapshot: (list, { groupSnapshotId }: csi.DeleteVolumeGroupSnapshotRequest, response) => {
    if (response) list.groups.delete(groupSnapshotId);
  },
  DeleteVolume: (list, { volumeId }: csi.DeleteVolumeRequest, response) => {
    if (response) list.volumes.delete(volumeId);
  },
  DeleteSnapshot: (list, { snapshotId }: csi.DeleteSnapshotRequest, response) => {
    if (response) list.snapshots.delete(snapshotId);
  },
  ControllerPublishVolume: (list, { volumeId, nodeId }: csi.ControllerPublishVolumeRequest) =>
    void list.attached.add(keyOf(volumeId, nodeId)),
  ControllerUnpublishVolume: (list, { volumeId, nodeId }: csi.ControllerUnpublishVolumeRequest, response) => {
    if (response) list.attached.delete(keyOf(volumeId, nodeId));
  },
  NodeStageVolume: (list, { volumeId, stagingTargetPath }: csi.NodeStageVolumeRequest) =>
    void list.staged.add(keyOf(volumeId, stagingTargetPath)),
  NodeUnstageVolume: (list, { volumeId, stagingTargetPath }: csi.NodeUnstageVolumeRequest, response) => {
    if (response) list.staged.delete(keyOf(volumeId, stagingTargetPath));
  },
  NodePublishVolume: (list, { volumeId, targetPath }: csi.NodePublishVolumeRequest) =>
    void list.published.add(keyOf(volumeId, targetPath)),
  NodeUnpublishVolume: (list, { volumeId, targetPath }: csi.NodeUnpublishVolumeRequest, response) => {
    if (response) list.published.delete(keyOf(volumeId, targetPath));
  },
};
