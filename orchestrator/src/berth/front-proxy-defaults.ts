import type { FrontProxyOptions } from '../api-server/authentication/front-proxy.ts';

/** The authority of the certificate that servers behind APIServices know this one by, in `pki/`. */
export const frontProxyCaFile = 'front-proxy-ca.crt';
/** Who that certificate is for. */
export const frontProxyName = 'front-proxy-client';

/** How front proxies are known where no flag says it, as kubeadm sets clusters up. */
export function defaultFrontProxy(clientCaFile: string): FrontProxyOptions {
  return {
    clientCaFile,
    allowedNames: [frontProxyName],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: [],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: ['X-Remote-Extra-'],
  };
}
