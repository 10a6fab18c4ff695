import { ApiError } from '@berth/kube';
import { expect, test } from 'vitest';
import { validateCreate, validateUpdate } from '../../object-rules.ts';
import type { AnyObject, RequestContext, ResourceDefinition } from '../../resource-definition.ts';
import { definitions } from '../definitions.ts';

const context: RequestContext = { now: Date.parse('2026-01-02T03:04:05Z'), user: 'u', groups: [], newUid: () => 'uid' };

function definitionOf(plural: string, version = 'v1'): ResourceDefinition {
  const found = definitions.find(
    (each) => each.group === 'resource.k8s.io' && each.plural === plural && each.version === version,
  );
  if (!found) throw new Error(`${plural}.${version} is not served`);
  return found;
}

/** As it is before it is checked. */
function made(
  plural: string,
  spec: object,
  { version = 'v1', ...more }: { version?: string; status?: object } = {},
): AnyObject {
  const { namespaced, rules, kind } = definitionOf(plural, version);
  const metadata = { name: 'x', resourceVersion: '1', ...(namespaced ? { namespace: 'default' } : {}) };
  const object = { apiVersion: `resource.k8s.io/${version}`, kind, metadata, spec, ...more } as AnyObject;
  rules.prepareForCreate?.(object, context);
  rules.default?.(object);
  return object;
}

/** `field: message` of all that is wrong. */
async function causes(check: () => void | Promise<void>): Promise<string[]> {
  try {
    await check();
    return [];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return (error.status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
  }
}

function wrong(plural: string, spec: object, version = 'v1'): Promise<string[]> {
  return causes(() => validateCreate(definitionOf(plural, version), made(plural, spec, { version })));
}

const aClaim = (...requests: object[]) => ({ devices: { requests } });
const exactly = (more: object = {}) => ({ name: 'r', exactly: { deviceClassName: 'gpu', ...more } });
const aSlice = (...devices: object[]) => ({
  driver: 'gpu.example.com',
  nodeName: 'n1',
  pool: { name: 'p', resourceSliceCount: 1 },
  devices,
});

test('requests are one device exactly, wherever they do not say otherwise', () => {
  const alternatives = {
    name: 'f',
    firstAvailable: [{ name: 'a', deviceClassName: 'c', tolerations: [{ key: 'k' }] }],
  };
  const { spec } = made('resourceclaims', aClaim(exactly(), alternatives, exactly({ allocationMode: 'All' })));
  expect(spec.devices.requests).toEqual([
    exactly({ allocationMode: 'ExactCount', count: 1 }),
    {
      name: 'f',
      firstAvailable: [
        {
          name: 'a',
          deviceClassName: 'c',
          allocationMode: 'ExactCount',
          count: 1,
          tolerations: [{ key: 'k', operator: 'Equal' }],
        },
      ],
    },
    exactly({ allocationMode: 'All' }),
  ]);
});

test('a claim of v1beta1 says flat what v1 nests, there and back', () => {
  const selectors = [{ cel: { expression: 'true' } }];
  const flat = { name: 'r', deviceClassName: 'gpu', selectors };
  const alternatives = { name: 'f', firstAvailable: [{ name: 'a', deviceClassName: 'c' }] };
  const object = made('resourceclaims', aClaim(flat, alternatives), { version: 'v1beta1' });
  expect(object.spec.devices.requests[0]).toEqual({ ...flat, allocationMode: 'ExactCount', count: 1 });
  const { toStored, fromStored } = definitionOf('resourceclaims', 'v1beta1').storedAs as NonNullable<
    ResourceDefinition['storedAs']
  >;
  const stored = toStored(object);
  expect(stored.apiVersion).toBe('resource.k8s.io/v1');
  expect(stored.spec.devices.requests[0]).toEqual(exactly({ selectors, allocationMode: 'ExactCount', count: 1 }));
  expect(stored.spec.devices.requests[1]).toMatchObject({ name: 'f', firstAvailable: [{ name: 'a' }] });
  expect(stored.spec.devices.requests[1].exactly).toBeUndefined();
  expect(fromStored(stored)).toEqual(object);
});

test('a device of v1beta1 has in basic what one of v1 has itself, there and back', () => {
  const basic = {
    attributes: { model: { string: 'm' } },
    capacity: { memory: { value: '1Gi' } },
    taints: [{ key: 'k', effect: 'NoSchedule' }],
  };
  const object = made('resourceslices', aSlice({ name: 'd', basic }), { version: 'v1beta1' });
  const device = { ...basic, taints: [{ key: 'k', effect: 'NoSchedule', timeAdded: '2026-01-02T03:04:05Z' }] };
  expect(object.spec.devices).toEqual([{ name: 'd', basic: device }]);
  const { toStored, fromStored } = definitionOf('resourceslices', 'v1beta1').storedAs as NonNullable<
    ResourceDefinition['storedAs']
  >;
  expect(toStored(object).spec.devices).toEqual([{ name: 'd', ...device }]);
  expect(fromStored(toStored(object))).toEqual(object);
});

test.each<[string, object, string[]]>([
  [
    'nothing to choose',
    { name: 'r' },
    ['spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required'],
  ],
  ['no class', { name: 'r', exactly: {} }, ['spec.devices.requests[0].exactly.deviceClassName: Required value']],
  [
    'a count of all',
    exactly({ allocationMode: 'All', count: 2 }),
    ["spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'"],
  ],
  [
    'a mode nobody knows',
    exactly({ allocationMode: 'Some' }),
    [
      'spec.devices.requests[0].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"',
    ],
  ],
  [
    'a value for Exists',
    exactly({ tolerations: [{ operator: 'Exists', value: 'v' }] }),
    ['spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "v": must be empty for operator `Exists`'],
  ],
  [
    'no expression',
    exactly({ selectors: [{}] }),
    ['spec.devices.requests[0].exactly.selectors[0].cel: Required value'],
  ],
  [
    'an expression that is none',
    exactly({ selectors: [{ cel: { expression: 'device.x' } }] }),
    [expect.stringContaining("compilation failed: ERROR: <input>:1:7: undefined field 'x'") as never],
  ],
  [
    'a number for an answer',
    exactly({ selectors: [{ cel: { expression: '1' } }] }),
    [
      'spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "1": must evaluate to bool or the unknown type, not int',
    ],
  ],
  [
    'more work than there is room for',
    exactly({
      selectors: [
        { cel: { expression: `device.attributes.all(a, ${'device.attributes.all(b, '.repeat(4)}true))))` + ')' } },
      ],
    }),
    ['spec.devices.requests[0].exactly.selectors[0].cel.expression: Forbidden: too complex, exceeds cost limit'],
  ],
])('a claim with %s is refused in upstream’s words', async (_, request, expected) => {
  expect(await wrong('resourceclaims', aClaim(request))).toEqual(expected);
});

test('expressions name a driver, attributes and capacities of a device, by cel.bind too', async () => {
  const expressions = [
    'device.driver == "gpu.example.com" && device.allowMultipleAllocations',
    'cel.bind(dra, device.attributes["gpu.example.com"], dra.ready && dra.model.startsWith("a"))',
    'device.capacity["gpu.example.com"].memory.compareTo(quantity("1Gi")) >= 0',
    'device.attributes["gpu.example.com"].ready',
  ];
  const selectors = expressions.map((expression) => ({ cel: { expression } }));
  expect(await wrong('resourceclaims', aClaim(exactly({ selectors })))).toEqual([]);
  expect(await wrong('deviceclasses', { selectors })).toEqual([]);
});

test('what is wrong with v1beta1 is told of what is stored', async () => {
  expect(await wrong('resourceclaims', aClaim({ name: 'r', allocationMode: 'All' }), 'v1beta1')).toEqual([
    'spec.devices.requests[0].exactly.deviceClassName: Required value',
  ]);
  expect(await wrong('resourceslices', aSlice({ name: 'd', basic: { attributes: { a: {} } } }), 'v1beta1')).toEqual([
    'spec.devices[0].attributes[a]: Invalid value: "": exactly one value must be specified',
  ]);
});

test('requests are named once, and constraints and configurations name requests there are', async () => {
  const spec = {
    devices: {
      requests: [exactly(), exactly()],
      constraints: [{ requests: ['other'], matchAttribute: 'model' }],
      config: [{ requests: ['r', 'r'], opaque: { driver: 'gpu.example.com', parameters: [] } }],
    },
  };
  const missing =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  expect(await wrong('resourceclaims', spec)).toEqual([
    'spec.devices.requests[1]: Duplicate value: "r"',
    `spec.devices.constraints[0].requests[0]: Invalid value: "other": ${missing}`,
    'spec.devices.constraints[0].matchAttribute: Invalid value: "model": a fully qualified name must be a domain and a name separated by a slash',
    'spec.devices.config[0].requests[1]: Duplicate value: "r"',
    'spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
  ]);
});

test.each<[string, object, string[]]>([
  [
    'no place',
    { ...aSlice(), nodeName: undefined },
    [
      'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
    ],
  ],
  [
    'two places',
    { ...aSlice(), allNodes: true },
    [
      'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
    ],
  ],
  [
    'a version that is none',
    aSlice({ name: 'd', attributes: { v: { version: '1.0' } } }),
    [
      'spec.devices[0].attributes[v].version: Invalid value: "1.0": must be a string compatible with semver.org spec 2.0.0',
    ],
  ],
  [
    'too many attributes',
    aSlice({ name: 'd', attributes: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, { int: i }])) }),
    ['spec.devices[0]: Invalid value: 33: the total number of attributes and capacities must not exceed 32'],
  ],
  [
    'a policy nobody shares',
    aSlice({ name: 'd', capacity: { m: { value: '2Gi', requestPolicy: { default: '1Gi' } } } }),
    ['spec.devices[0].capacity[m].requestPolicy: Forbidden: allowMultipleAllocations must be true'],
  ],
  [
    'a default out of its range',
    aSlice({
      name: 'd',
      allowMultipleAllocations: true,
      capacity: {
        m: { value: '2Gi', requestPolicy: { default: '3Gi', validRange: { min: '1Gi', max: '2Gi', step: '1Gi' } } },
      },
    }),
    ['spec.devices[0].capacity[m].requestPolicy.validRange.max: Invalid value: "3Gi": default is more than max: 2Gi'],
  ],
  [
    'a binding condition without its failure',
    aSlice({ name: 'd', bindingConditions: ['c'] }),
    [
      'spec.devices[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions',
    ],
  ],
  [
    'lists, which are alpha',
    aSlice({ name: 'd', attributes: { l: { strings: ['a'] } } }),
    ['spec.devices[0].attributes[l]: Invalid value: "": exactly one value must be specified'],
  ],
])('a slice with %s is refused in upstream’s words', async (_, spec, expected) => {
  expect(await wrong('resourceslices', spec)).toEqual(expected);
});

const place = { driver: 'gpu.example.com', pool: 'p', device: 'd' };
const allocation = { devices: { results: [{ request: 'r', ...place }] } };

function statusChange(status: object, before: object = {}): Promise<string[]> {
  const definition = definitionOf('resourceclaims');
  const old = { ...made('resourceclaims', aClaim(exactly())), status: before };
  const next = structuredClone({ ...old, status });
  definition.rules.prepareForStatusUpdate?.(next, old, context);
  definition.rules.default?.(next);
  return causes(() => validateUpdate({ definition, next, old, endpoint: 'status', subresource: 'status' }));
}

test('a claim is allocated once, reserved only then, and its devices are those it got', async () => {
  const reservedFor = [{ resource: 'pods', name: 'p', uid: 'u' }];
  expect(await statusChange({ allocation, reservedFor })).toEqual([]);
  expect(await statusChange({ reservedFor })).toEqual([
    'status.reservedFor: Forbidden: may not be specified when `allocated` is not set',
  ]);
  const other = { devices: { results: [{ request: 'r', ...place, device: 'e' }] } };
  expect(await statusChange({ allocation: other }, { allocation })).toEqual([
    expect.stringContaining('status.allocation: Invalid value:'),
  ]);
  expect(await statusChange({ allocation, devices: [{ ...place, device: 'e', conditions: [] }] })).toEqual([
    'status.devices[0]: Invalid value: {"Driver":"gpu.example.com","Pool":"p","Device":"e","ShareID":""}: must be an allocated device in the claim',
  ]);
  const ips = ['10.0.0.1/24', '10.0.0.01/24', 'fe80:0::1/64', 'x'];
  expect(await statusChange({ allocation, devices: [{ ...place, conditions: [], networkData: { ips } }] })).toEqual([
    'status.devices[0].networkData.ips[1]: Invalid value: "10.0.0.01/24": must be in canonical form ("10.0.0.1/24")',
    'status.devices[0].networkData.ips[2]: Invalid value: "fe80:0::1/64": must be in canonical form ("fe80::1/64")',
    'status.devices[0].networkData.ips[3]: Invalid value: "x": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
  ]);
  expect(
    await statusChange(
      { devices: [{ ...place, conditions: [] }] },
      { allocation, devices: [{ ...place, conditions: [] }] },
    ),
  ).toEqual([]);
});

test('a claim’s spec stays as it was made', async () => {
  const definition = definitionOf('resourceclaims', 'v1beta1');
  const old = made('resourceclaims', aClaim({ name: 'r', deviceClassName: 'gpu' }), { version: 'v1beta1' });
  const next = made('resourceclaims', aClaim({ name: 'r', deviceClassName: 'tpu' }), { version: 'v1beta1' });
  expect(await causes(() => validateUpdate({ definition, next, old, endpoint: 'main', subresource: '' }))).toEqual([
    expect.stringMatching(/^spec: Invalid value: .*: field is immutable$/),
  ]);
});
