/** One member of etcd as `--etcd-servers` names it. */
export interface EtcdEndpoint {
  readonly url: string;
  /** What gRPC connects to. */
  readonly address: string;
  readonly tls: boolean;
}

/** @throws RangeError – it is no list of `http://` and `https://` URLs of hosts. */
export function etcdEndpointsOf(list: string): readonly EtcdEndpoint[] {
  return list.split(',').map((part) => {
    const text = part.trim();
    const wrong = (why: string) =>
      new RangeError(`--etcd-servers takes URLs such as https://10.0.0.1:2379, not ${JSON.stringify(text)}: ${why}`);
    if (!URL.canParse(text)) throw wrong('no URL');
    const { protocol, hostname, port, pathname, search, username, hash } = new URL(text);
    if (protocol !== 'http:' && protocol !== 'https:') throw wrong('neither http nor https');
    if (username !== '' || search !== '' || hash !== '' || (pathname !== '/' && pathname !== ''))
      throw wrong('more than host and port');
    // A URL drops its scheme's own port.
    const defaultPort = protocol === 'https:' ? '443' : '80';
    const asked = /:\d+\/?$/.test(text.slice(protocol.length + 2)) ? port || defaultPort : '2379';
    return { url: text, address: `${hostname}:${asked}`, tls: protocol === 'https:' };
  });
}
