import type { GrpcCode } from '@berth/protos';
import type { Rpc } from './rpc.ts';

type Step = (rpc: Rpc) => string;

const look: Step = ({ serviceName, method }) => {
  if (method === 'CreateVolume')
    return 'see what there is: csictl csi list-volumes --all-pages, csictl csi list-snapshots --all-pages';
  if (method === 'CreateVolumeGroupSnapshot') return 'see what there is: csictl csi list-volumes --all-pages';
  if (/Group/.test(serviceName)) return 'see the group: csictl csi get-volume-group-snapshot --help';
  return /Snapshot|Metadata/.test(method)
    ? 'see what there is: csictl csi list-snapshots --all-pages'
    : 'see what there is: csictl csi list-volumes --all-pages';
};

/** The first knows pods and claims, and looks below directories of kubelets alone. */
const mounted = 'see what is mounted: csictl mounts, or findmnt where no kubelet is';

const ofBlocks = ({ serviceName }: Rpc) => serviceName === 'SnapshotMetadata';

/** What helps after each code (CSI spec, "Error Scheme" and each RPC's table). */
const steps: Partial<Record<GrpcCode, Step>> = {
  INVALID_ARGUMENT: ({ command }) => `see what it takes: csictl csi ${command} --help, or --template`,
  NOT_FOUND: look,
  ALREADY_EXISTS: (rpc) => (rpc.serviceName === 'Node' ? mounted : look(rpc)),
  UNIMPLEMENTED: () => 'see what the driver offers: csictl driver capabilities',
  ABORTED: ({ method }) =>
    /^List|ListVolumeHealth/.test(method)
      ? 'begin the list again without --starting-token'
      : 'another call for it is under way: give the same command again in a moment',
  FAILED_PRECONDITION: (rpc) =>
    ofBlocks(rpc)
      ? look(rpc)
      : rpc.serviceName === 'Node'
        ? mounted
        : 'it is in use, or not in the state that this needs: csictl volumes -o wide',
  OUT_OF_RANGE: (rpc) =>
    ofBlocks(rpc)
      ? 'give another --starting-offset, below the size of the snapshot'
      : 'give another --size or --limit; what fits: csictl csi get-capacity',
  RESOURCE_EXHAUSTED: ({ method }) =>
    method === 'ControllerPublishVolume'
      ? 'see where volumes are published: csictl csi list-volumes --all-pages'
      : 'what is left: csictl csi get-capacity',
  UNAUTHENTICATED: () => 'the driver wants secrets: --secret key=@FILE or --secrets-file FILE',
  PERMISSION_DENIED: () => 'the driver may not do that: its log, and the secrets given, say more',
  UNAVAILABLE: () => 'is the driver running and ready? csictl driver probe; --endpoint names another',
  INTERNAL: () => "the driver's log says more; csictl csi probe tells whether it still answers",
  DATA_LOSS: () => "the driver's log says more; do not delete anything before it is understood",
};

export function nextStep(rpc: Rpc, code: GrpcCode): string | undefined {
  return steps[code]?.(rpc);
}
