/** Of everyday commands, assembled on this machine. */
export const tools = 'berth.local/tools:latest';

/** A claim; its class is one that binds at once. */
export const claim = (name: string, size: string, storageClass = 'now') => `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ${name} }
spec: { accessModes: [ReadWriteOnce], storageClassName: ${storageClass}, resources: { requests: { storage: ${size} } } }
`;

/** A pod that sleeps; `container` are further fields of its container, `rest` of its spec. */
export const pod = (name: string, container: string, rest = '') => `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  containers:
  - { name: c, image: "${tools}", command: [sh, -c, "sleep 1000"], ${container} }
${rest}
`;

/** A pod that sleeps with a claim mounted at /v. */
export const sleeper = (name: string, claimName: string) =>
  pod(
    name,
    'volumeMounts: [{ name: v, mountPath: /v }]',
    `  volumes: [{ name: v, persistentVolumeClaim: { claimName: ${claimName} } }]`,
  );
