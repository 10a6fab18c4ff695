type Generator = readonly [args: readonly string[], answer: string];

/** `kubectl create` of everything it has a generator for, and what it says. kubectl 1.32 and later send protobuf. */
export function generators(image: string, namespace: string): readonly Generator[] {
  const words = (text: string) => text.split(' ');
  return [
    [words('create configmap cfg --from-literal=a=1 --from-literal=b=2'), 'configmap/cfg created'],
    [words('create secret generic sec --from-literal=word=hidden'), 'secret/sec created'],
    [
      words('create secret docker-registry pull --docker-server=r.example --docker-username=u --docker-password=p'),
      'secret/pull created',
    ],
    [words(`create deployment dep --image=${image} --replicas=2`), 'deployment.apps/dep created'],
    [words(`create job job --image=${image} -- true`), 'job.batch/job created'],
    [
      ['create', 'cronjob', 'cron', `--image=${image}`, '--schedule=*/5 * * * *', '--', 'true'],
      'cronjob.batch/cron created',
    ],
    [words('create serviceaccount bot'), 'serviceaccount/bot created'],
    [words('create role reader --verb=get,list --resource=pods'), 'role.rbac.authorization.k8s.io/reader created'],
    [
      words(`create rolebinding readers --role=reader --serviceaccount=${namespace}:bot`),
      'rolebinding.rbac.authorization.k8s.io/readers created',
    ],
    [
      words(`create clusterrole ${namespace} --verb=get --resource=nodes`),
      `clusterrole.rbac.authorization.k8s.io/${namespace} created`,
    ],
    [
      words(`create clusterrolebinding ${namespace} --clusterrole=${namespace} --user=joe`),
      `clusterrolebinding.rbac.authorization.k8s.io/${namespace} created`,
    ],
    [words('create quota quota --hard=cpu=1,pods=2'), 'resourcequota/quota created'],
    [words('create pdb budget --selector=app=x --min-available=1'), 'poddisruptionbudget.policy/budget created'],
    [
      words(`create priorityclass ${namespace} --value=1000 --description=high`),
      `priorityclass.scheduling.k8s.io/${namespace} created`,
    ],
    [words('create ingress way --rule=foo.example/bar=dep:8080'), 'ingress.networking.k8s.io/way created'],
    [words('create service clusterip inside --tcp=80:8080'), 'service/inside created'],
    [words('create service clusterip headless --clusterip=None --tcp=80:8080'), 'service/headless created'],
    [words('create service nodeport outside --tcp=80:8080'), 'service/outside created'],
    [words('create service externalname elsewhere --external-name=example.com'), 'service/elsewhere created'],
    [words('create service loadbalancer balanced --tcp=5678'), 'service/balanced created'],
  ];
}

/** Columns of `get -o wide`, as upstream's printers name them. */
export const wideHeaders: Readonly<Record<string, readonly string[]>> = {
  configmaps: ['NAME', 'DATA', 'AGE'],
  cronjobs: [
    'NAME',
    'SCHEDULE',
    'TIMEZONE',
    'SUSPEND',
    'ACTIVE',
    'LAST SCHEDULE',
    'AGE',
    'CONTAINERS',
    'IMAGES',
    'SELECTOR',
  ],
  csidrivers: [
    'NAME',
    'ATTACHREQUIRED',
    'PODINFOONMOUNT',
    'STORAGECAPACITY',
    'TOKENREQUESTS',
    'REQUIRESREPUBLISH',
    'MODES',
    'AGE',
  ],
  csinodes: ['NAME', 'DRIVERS', 'AGE'],
  deployments: ['NAME', 'READY', 'UP-TO-DATE', 'AVAILABLE', 'AGE', 'CONTAINERS', 'IMAGES', 'SELECTOR'],
  endpointslices: ['NAME', 'ADDRESSTYPE', 'PORTS', 'ENDPOINTS', 'AGE'],
  ingresses: ['NAME', 'CLASS', 'HOSTS', 'ADDRESS', 'PORTS', 'AGE'],
  jobs: ['NAME', 'STATUS', 'COMPLETIONS', 'DURATION', 'AGE', 'CONTAINERS', 'IMAGES', 'SELECTOR'],
  namespaces: ['NAME', 'STATUS', 'AGE'],
  nodes: [
    'NAME',
    'STATUS',
    'ROLES',
    'AGE',
    'VERSION',
    'INTERNAL-IP',
    'EXTERNAL-IP',
    'OS-IMAGE',
    'KERNEL-VERSION',
    'CONTAINER-RUNTIME',
  ],
  poddisruptionbudgets: ['NAME', 'MIN AVAILABLE', 'MAX UNAVAILABLE', 'ALLOWED DISRUPTIONS', 'AGE'],
  priorityclasses: ['NAME', 'VALUE', 'GLOBAL-DEFAULT', 'AGE', 'PREEMPTIONPOLICY'],
  rolebindings: ['NAME', 'ROLE', 'AGE', 'USERS', 'GROUPS', 'SERVICEACCOUNTS'],
  secrets: ['NAME', 'TYPE', 'DATA', 'AGE'],
  services: ['NAME', 'TYPE', 'CLUSTER-IP', 'EXTERNAL-IP', 'PORT(S)', 'AGE', 'SELECTOR'],
  storageclasses: ['NAME', 'PROVISIONER', 'RECLAIMPOLICY', 'VOLUMEBINDINGMODE', 'ALLOWVOLUMEEXPANSION', 'AGE'],
};

type Described = readonly [what: string, lines: readonly RegExp[]];

/** `kubectl describe`, and lines that tell whether it understood the object. */
export function describedKinds(namespace: string): readonly Described[] {
  return [
    ['configmap/cfg', [/^a:\n----\n1$/m]],
    ['secret/sec', [/^Type: +Opaque$/m, /^word: +6 bytes$/m]],
    ['deployment/dep', [/^Replicas: +2 desired/m, /^StrategyType: +RollingUpdate$/m]],
    ['job/job', [/^Completions: +1$/m, /^Pods Statuses: +0 Active/m]],
    ['cronjob/cron', [/^Schedule: +\*\/5 \* \* \* \*$/m]],
    ['serviceaccount/bot', [/^Tokens: +<none>$/m]],
    ['role/reader', [/pods +\[\] +\[\] +\[get list\]/]],
    ['rolebinding/readers', [new RegExp(`ServiceAccount +bot +${namespace}`)]],
    ['service/inside', [/^IP: +10\.96\.\d+\.\d+$/m, /^TargetPort: +8080\/TCP$/m]],
    ['service/headless', [/^IP: +None$/m]],
    ['service/outside', [/^NodePort: +80-8080 +3\d{4}\/TCP$/m]],
    ['pdb/budget', [/^Min available: +1$/m]],
    ['ingress/way', [/\/bar +dep:8080/]],
    [`namespace/${namespace}`, [/^Status: +Active$/m, /Name: +quota/]],
    [
      'node/node-1',
      [
        /^ {2}Ready +True .* KubeletReady +kubelet is posting ready status$/m,
        /HolderIdentity: +node-1/,
        /NodeReady .*Node node-1 status is now: NodeReady$/m,
      ],
    ],
    ['storageclass/berth', [/^Provisioner: +csi\.berth\.local$/m, /^VolumeBindingMode: +WaitForFirstConsumer$/m]],
    ['csinode/node-1', [/csi\.berth\.local:\n +Node ID: +node-1/]],
  ];
}
