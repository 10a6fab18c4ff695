import { expect, test } from 'vitest';
import { encodeOpenApi } from './encode-openapi.ts';

/** Bytes as protobuf's text tools show them: each field by its number, messages in braces. */
function shown(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, afterTag] = varint(bytes, at);
    const id = Math.floor(tag / 8);
    if (tag % 8 === 1) {
      parts.push(`${id}:${Buffer.from(bytes).readDoubleLE(afterTag)}`);
      at = afterTag + 8;
      continue;
    }
    const [value, after] = varint(bytes, afterTag);
    at = tag % 8 === 2 ? after + value : after;
    if (tag % 8 !== 2) parts.push(`${id}:${value}`);
    else parts.push(`${id}${content(bytes.subarray(after, after + value))}`);
  }
  return parts.join(' ');
}

/** Messages have bytes that are no signs; the few texts here have none. */
function content(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1');
  return /^[\x20-\x7e]+$/.test(text) ? `=${text}` : `{${shown(bytes)}}`;
}

function varint(bytes: Uint8Array, from: number): [value: number, end: number] {
  let value = 0;
  for (let at = from, factor = 1; at < bytes.length; at++, factor *= 128) {
    const byte = bytes[at] as number;
    value += (byte & 127) * factor;
    if (byte < 128) return [value, at + 1];
  }
  throw new Error('the message ends in the middle of a number');
}

const encoded = (schema: object) =>
  shown(
    Buffer.concat([
      ...encodeOpenApi({ info: { title: 'Ti', version: 'v1' }, paths: [], schemas: [['Foo', { ...schema }]] }),
    ]),
  );

// Field numbers are those of gnostic's openapiv3/OpenAPIv3.proto; its Go library read such documents as they are here.
test.each([
  [{ type: 'object', description: 'of it' }, '25=object 34=of it'],
  [
    { required: ['ab', 'cd'], 'x-kubernetes-map-type': 'atomic' },
    '23=ab 23=cd 36{1=x-kubernetes-map-type 2{2="atomic"}}',
  ],
  [{ minimum: -2, maximum: 0, minLength: 0, maxLength: 300, exclusiveMinimum: true }, '13:-2 15:300 14:1'],
  [{ default: false }, '33{2:0}'],
  [{ default: 0 }, '33{1:0}'],
  [{ default: 'dd' }, '33{3=dd}'],
  [{ default: { a: 1 } }, ''],
  [{ enum: ['aa', 1] }, '24{2="aa"} 24{2=1}'],
  [{ items: { $ref: '#/x' } }, '30{1{2{1=#/x}}}'],
  [{ allOf: [{ $ref: '#/x' }], additionalProperties: true }, '26{2{1=#/x}} 32{2:1}'],
  [{ properties: { key: { type: 'string' } } }, '31{1{1=key 2{1{25=string}}}}'],
  [{ additionalProperties: { type: 'string' }, not: { nullable: true } }, '32{1{1{25=string}}} 29{1:1}'],
])('the schema %j has its fields', (schema, fields) => {
  expect(encoded(schema)).toBe(`1=3.0.0 2{1=Ti 6=v1} 5{1{1{1=Foo 2{1{${fields}}}}}}`);
});

test('a path has its operations', () => {
  const get = {
    'x-kubernetes-action': 'list',
    parameters: [{ name: 'limit', in: 'query', schema: { type: 'string', uniqueItems: true } }],
    requestBody: { content: { '*/*': { schema: { $ref: '#/x' } } }, required: true },
    responses: { 200: { description: 'OK', content: {} } },
  };
  const paths: [string, object][] = [
    ['/api/v1/pods', { get }],
    ['/api/v1/pods', { put: {} }],
  ];
  const bytes = [...encodeOpenApi({ info: { title: 'Ti', version: 'v1' }, paths: paths as never, schemas: [] })];
  expect(shown(Buffer.concat(bytes.slice(1)))).toBe(
    '4{1{1=/api/v1/pods 2{4{13{1=x-kubernetes-action 2{2="list"}} 6{1{1=limit 2=query 10{1{25=string 20:1}}}} 7{1{2{1{1=*/* 2{1{2{1=#/x}}}}} 3:1}} 8{2{1=200 2{1{1=OK 3{}}}}}}}}}',
  );
});

test('a path has what all its operations take, and a document how its clients say who they are', () => {
  const parameters = [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }];
  const paths: [string, object][] = [['/x', { options: { operationId: 'opt' }, head: { tags: ['tt'] }, parameters }]];
  const securitySchemes = { Token: { type: 'apiKey', name: 'auth', in: 'header' } };
  const info = { title: 'Ti', version: 'v1' };
  const bytes = [...encodeOpenApi({ info, paths: paths as never, schemas: [], securitySchemes })];
  expect(shown(Buffer.concat(bytes.slice(1)))).toBe(
    '4{1{1=/x 2{8{5=opt} 9{1=tt} 13{1{1=name 2=path 4:1 10{1{25=string}}}}}}} 5{7{1{1=Token 2{1{1=apiKey 3=auth 4=header}}}}}',
  );
});
