/** Berth's own version, and the Kubernetes API it serves. */
export const version = '0.1.0';
export const kubernetesVersion = `v1.36.3+berth.${version}`;
