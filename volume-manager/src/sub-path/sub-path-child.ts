import { text } from 'node:stream/consumers';
import { linuxMounter } from '@berth/linux';
import { bindSubPath, ensureSubPath, type SubPath } from './prepare-sub-path.ts';

/** What the program answers, as one line of JSON. */
export type SubPathAnswer =
  | { readonly done: true }
  | { readonly failed: 'create' | 'bind'; readonly message: string; readonly code?: string };

/** A program of its own: it binds one subPath, and is left to hang where the server is gone. */
async function run(): Promise<SubPathAnswer> {
  const request = JSON.parse(await text(process.stdin)) as SubPath;
  let step: 'create' | 'bind' = 'create';
  try {
    ensureSubPath(request.volume, request.subPath);
    step = 'bind';
    bindSubPath(linuxMounter, request);
    return { done: true };
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    return { failed: step, message, ...(code === undefined ? {} : { code }) };
  }
}

process.stdout.write(`${JSON.stringify(await run())}\n`);
