import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the wire facts stand (openapi, discovery and descriptor documents): `FACTS` or the folder beside the checkout. */
const folder = process.env['FACTS'] ?? join(import.meta.dirname, '../../../shared/facts');

export function readFacts<T>(name: string): T {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as T;
}

/** A field of a protobuf message. */
export interface ProtoFact {
  readonly type: string;
  readonly id: number;
  readonly rule?: 'repeated';
  readonly keyType?: string;
}

interface Node {
  readonly fields?: Readonly<Record<string, ProtoFact>>;
  readonly nested?: Readonly<Record<string, Node>>;
}

/** The messages of the built-in kinds by the names of their definitions; fields come as Go's structs have them. */
export function protoMessages(): Map<string, Readonly<Record<string, ProtoFact>>> {
  const messages = new Map<string, Readonly<Record<string, ProtoFact>>>();
  collect(readFacts<Node>('kubernetes-1.36.descriptor.json'), '', messages);
  return messages;
}

function collect(node: Node, path: string, into: Map<string, Readonly<Record<string, ProtoFact>>>): void {
  for (const [name, child] of Object.entries(node.nested ?? {})) {
    const full = path === '' ? name : `${path}.${name}`;
    if (child.fields) into.set(asDefinition(full), child.fields);
    collect(child, full, into);
  }
}

/** Packages of protobuf have no hyphens. */
export function asDefinition(name: string): string {
  return name.replace(/^k8s\.io/, 'io.k8s').replace('.apiextensions_apiserver.', '.apiextensions-apiserver.');
}
