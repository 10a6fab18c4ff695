/** Words that Go writes in capitals, with what follows each where it is not the end of a word. */
const initialism =
  /^(api(?=[A-Z])|aws|ca(?=B)|cel|csi|dns|fc|fs(?=[GT])|gce|gid|gmsa|grpc|http|id|ip|iqn|iscsi|json|nfs|os|pd(?=N)|pkix|qos|rbd|se(?=L)|ssl|tcp|tls|ttl|tty|uid|url|cidr)(?![a-z])/;

/** Fields that are called otherwise in Go than in JSON (k8s.io/api). */
const others: Readonly<Record<string, string>> = {
  cephfs: 'CephFS',
  chapAuthDiscovery: 'DiscoveryCHAPAuth',
  chapAuthSession: 'SessionCHAPAuth',
  cidrs: 'CIDRs',
  diskURI: 'DataDiskURI',
  externalID: 'DoNotUseExternalID',
  ips: 'IPs',
  lastState: 'LastTerminationState',
  reportingComponent: 'ReportingController',
  storageos: 'StorageOS',
  wwids: 'WWIDs',
};

/** What a field is called in Go that JSON calls `name`, in the message that stands for a definition. */
export function goFieldName(name: string, definition: string): string {
  if (name === 'metadata') return definition.endsWith('List') ? 'ListMeta' : 'ObjectMeta';
  const plain = name
    .replace('x-kubernetes', 'x')
    .replace(/^\$/, '')
    .replaceAll(/-([a-z])/g, (_, letter) => letter.toUpperCase());
  const known = others[plain] ?? plain.replace(initialism, (word) => word.toUpperCase());
  return `${known.charAt(0).toUpperCase()}${known.slice(1)}`;
}
