import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';

type Json = Readonly<Record<string, unknown>>;
type Change = (value: Json) => Json;

const group = 'resource.k8s.io';

/** What v1beta1 has in another place: requests say themselves what they want, and devices have all they are in `basic` (apis/resource/v1beta1/conversion.go). */
export const beta1Claims = storedAs('resourceclaims', {
  toStored: (object) => at(object, ['spec', 'devices', 'requests'], (list) => each(list, nestedRequest)),
  fromStored: (object) => at(object, ['spec', 'devices', 'requests'], (list) => each(list, flatRequest)),
});

export const beta1Templates = storedAs('resourceclaimtemplates', {
  toStored: (object) => at(object, ['spec', 'spec', 'devices', 'requests'], (list) => each(list, nestedRequest)),
  fromStored: (object) => at(object, ['spec', 'spec', 'devices', 'requests'], (list) => each(list, flatRequest)),
});

export const beta1Slices = storedAs('resourceslices', {
  toStored: (object) => at(at(object, ['spec'], withoutZeros), ['spec', 'devices'], (list) => each(list, bareDevice)),
  fromStored: (object) =>
    at(at(object, ['spec'], withoutZeros), ['spec', 'devices'], (list) => each(list, basicDevice)),
});

function storedAs(
  plural: string,
  {
    toStored,
    fromStored,
  }: { readonly toStored: (object: Json) => unknown; readonly fromStored: (object: Json) => unknown },
): NonNullable<ResourceDefinition['storedAs']> {
  const as = (version: string, value: unknown) => ({ ...(value as AnyObject), apiVersion: `${group}/${version}` });
  return {
    group,
    plural,
    toStored: (object) => as('v1', toStored(object)),
    fromStored: (object) => as('v1beta1', fromStored(object)),
  };
}

/** The object with another value at `path`; itself where there is nothing. */
function at(value: unknown, [name, ...path]: readonly string[], change: (value: unknown) => unknown): unknown {
  if (name === undefined) return change(value);
  if (!isJson(value) || value[name] === undefined) return value;
  return { ...value, [name]: at(value[name], path, change) };
}

function each(list: unknown, change: Change): unknown {
  return Array.isArray(list) ? list.map((item: unknown) => (isJson(item) ? change(item) : item)) : list;
}

/** Whatever is set beside the alternatives is meant exactly; validation says where that is wrong. */
function nestedRequest({ name, firstAvailable, ...exactly }: Json): Json {
  const says = Object.entries(exactly).some(([key, value]) => key !== 'deviceClassName' || value !== '');
  return { name, ...(says ? { exactly } : {}), ...(firstAvailable === undefined ? {} : { firstAvailable }) };
}

function flatRequest({ name, exactly, firstAvailable }: Json): Json {
  const own = isJson(exactly) ? exactly : {};
  return { name, deviceClassName: '', ...own, ...(firstAvailable === undefined ? {} : { firstAvailable }) };
}

function bareDevice({ name, basic }: Json): Json {
  return { name, ...(isJson(basic) ? basic : {}) };
}

function basicDevice({ name, ...basic }: Json): Json {
  return { name, basic };
}

/** What v1 has as pointers, v1beta1 leaves out where it is zero. */
function withoutZeros(spec: unknown): unknown {
  if (!isJson(spec)) return spec;
  const { nodeName, allNodes, ...rest } = spec;
  return { ...rest, ...(nodeName ? { nodeName } : {}), ...(allNodes ? { allNodes } : {}) };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
