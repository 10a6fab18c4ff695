import type { KubeClient, Node, PersistentVolumeClaim, SecretReference, StorageClass } from '@berth/kube';
import { Quantity } from '@berth/kube';
import type { csi, Init } from '@berth/protos';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import type { ProvisionerSettings } from '../provisioner-settings.ts';
import { volumeCapability } from '../volume-capability.ts';
import { driverParameters, fsTypeOf, secretsOfClass } from './class-parameters.ts';
import { type LaterSecrets, laterSecrets } from './later-secrets.ts';
import { ProvisionError } from './outcome.ts';
import { secretReference } from './secret-reference.ts';
import { type TopologyOptions, topologyRequirement } from './topology.ts';

/** Everything one CreateVolume needs, worked out once: a repeated call must be the same call. Holds no secret. */
export interface CreatePlan {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
  readonly volumeName: string;
  readonly sizeBytes: bigint;
  readonly fsType: string;
  readonly request: Init<csi.CreateVolumeRequest>;
  readonly provisionerSecret: SecretReference | undefined;
  /** For ControllerModifyVolume; absent in the records of earlier versions. */
  readonly modifySecret?: SecretReference | undefined;
  /** References for the calls that come after, which go into the volume. */
  readonly laterSecrets: LaterSecrets;
  /** A node was selected and matters: another one may do where this one cannot. */
  readonly mayReschedule: boolean;
}

export interface PlanOptions {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
  readonly driver: ConnectedDriver;
  readonly settings: ProvisionerSettings;
  readonly client: KubeClient;
  readonly selectedNode: Node | undefined;
  /** What the volume is filled from; absent for an empty one. */
  readonly content: Init<csi.VolumeContentSource> | undefined;
  /** What may be changed later, as the claim's VolumeAttributesClass has it. */
  readonly attributes: Readonly<Record<string, string>> | undefined;
  readonly cluster: Pick<TopologyOptions, 'nodes' | 'csiNodes'>;
}

const maxInt64 = 2n ** 63n - 1n;

/** @throws ProvisionError NotStarted – the claim or its class asks for what cannot be done. */
export function createPlan(options: PlanOptions): CreatePlan {
  try {
    return plan(options);
  } catch (error) {
    if (error instanceof ProvisionError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new ProvisionError('NotStarted', message, { cause: error, infeasible: true });
  }
}

function plan(options: PlanOptions): CreatePlan {
  const { claim, storageClass, driver, settings, selectedNode, content, attributes } = options;
  refuseUnsupported(claim, driver);
  const volumeName = volumeNameFor(claim, settings);
  const fsType = fsTypeOf(storageClass.parameters, settings.defaultFsType);
  const sizeBytes = requestedBytes(claim);
  const topology = driver.hasTopology ? requirementFor(options) : undefined;
  const request: Init<csi.CreateVolumeRequest> = {
    name: volumeName,
    capacityRange: { requiredBytes: sizeBytes.toString() },
    volumeCapabilities: capabilitiesFor(options, fsType),
    parameters: { ...driverParameters(storageClass.parameters), ...extraMetadata(claim, volumeName, settings) },
    ...(topology ? { accessibilityRequirements: topology } : {}),
    ...(content ? { volumeContentSource: content } : {}),
    ...(attributes ? { mutableParameters: { ...attributes } } : {}),
  };
  const subject = { volumeName, claim };
  return {
    claim,
    storageClass,
    volumeName,
    sizeBytes,
    fsType,
    request,
    provisionerSecret: secretReference(secretsOfClass.provisioner, storageClass.parameters, subject),
    modifySecret: secretReference(secretsOfClass.controllerModify, storageClass.parameters, subject),
    laterSecrets: laterSecrets(storageClass.parameters, subject),
    mayReschedule: driver.hasTopology && selectedNode !== undefined,
  };
}

function refuseUnsupported(claim: PersistentVolumeClaim, driver: ConnectedDriver): void {
  if (claim.spec?.selector) throw new Error('claim Selector is not supported');
  if (!driver.can('CREATE_DELETE_VOLUME')) {
    throw new Error(`CSI driver ${driver.name} does not support dynamic provisioning of volumes`);
  }
}

/** `pvc-<uid>`: the same for every attempt, which is what makes CreateVolume idempotent. */
export function volumeNameFor(claim: PersistentVolumeClaim, settings: ProvisionerSettings): string {
  const { uid } = claim.metadata;
  if (!uid) throw new Error('corrupted PVC object, it is missing UID');
  const { volumeNamePrefix, volumeNameUuidLength } = settings;
  const tail = volumeNameUuidLength < 0 ? uid : uid.replaceAll('-', '').slice(0, volumeNameUuidLength);
  return `${volumeNamePrefix}-${tail}`;
}

function requestedBytes(claim: PersistentVolumeClaim): bigint {
  const bytes = Quantity.parse(claim.spec?.resources?.requests?.['storage'] ?? '0').value();
  return bytes > maxInt64 ? maxInt64 : bytes;
}

/** One capability a mode: the driver must be able to serve each of them, if not at the same time. */
function capabilitiesFor({ claim, storageClass, driver }: PlanOptions, fsType: string) {
  return (claim.spec?.accessModes ?? []).map((mode) =>
    volumeCapability({
      accessModes: [mode],
      volumeMode: claim.spec?.volumeMode,
      fsType,
      mountFlags: storageClass.mountOptions,
      finerSingleNode: driver.can('SINGLE_NODE_MULTI_WRITER'),
    }),
  );
}

function extraMetadata(claim: PersistentVolumeClaim, volumeName: string, settings: ProvisionerSettings) {
  if (!settings.extraCreateMetadata) return {};
  return {
    'csi.storage.k8s.io/pvc/name': claim.metadata.name ?? '',
    'csi.storage.k8s.io/pvc/namespace': claim.metadata.namespace ?? '',
    'csi.storage.k8s.io/pv/name': volumeName,
  };
}

function requirementFor({ claim, storageClass, driver, settings, selectedNode, cluster }: PlanOptions) {
  try {
    return topologyRequirement({
      ...cluster,
      driverName: driver.name,
      claimName: claim.metadata.name ?? '',
      allowedTopologies: storageClass.allowedTopologies,
      selectedNode,
      strict: settings.strictTopology || settings.nodeName !== undefined,
      immediate: settings.immediateTopology,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Labels and CSINode of a node arrive a little after its driver: this passes by itself.
    throw new ProvisionError('NotStarted', `error generating accessibility requirements: ${message}`, { cause: error });
  }
}
