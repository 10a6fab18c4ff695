/** Kubernetes objects as tests write them: short, and applied together as one list. */
export type Manifest = Readonly<Record<string, unknown>>;

export interface PodParts {
  readonly volumes: readonly Manifest[];
  readonly mounts: readonly Manifest[];
  /** A shell script; the container sleeps after it. */
  readonly script?: string;
  readonly image?: string;
  readonly container?: Manifest;
  readonly spec?: Manifest;
  readonly metadata?: Manifest;
}

export const testImage = 'example.com/test/box:1';

export function pod(name: string, parts: PodParts): Manifest {
  const { volumes, mounts, script = 'true', image = testImage, container, spec, metadata } = parts;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: {
      terminationGracePeriodSeconds: 0,
      restartPolicy: 'Never',
      volumes,
      containers: [
        {
          name: 'main',
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['/bin/sh', '-c', `${script}; exec sleep 3600`],
          volumeMounts: mounts,
          ...container,
        },
      ],
      ...spec,
    },
  };
}

export function claim(name: string, spec: Manifest = {}): Manifest {
  const { storage = '8Mi', ...rest } = spec;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...rest },
  };
}

export function storageClass(name: string, more: Manifest = {}): Manifest {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: 'csi.berth.local',
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
    ...more,
  };
}

export function list(...items: readonly Manifest[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

/** A volume of a pod that is a claim's. */
export function ofClaim(name: string, claimName: string, more: Manifest = {}): Manifest {
  return { name, persistentVolumeClaim: { claimName, ...more } };
}
