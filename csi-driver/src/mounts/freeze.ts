import { type Fd, freezeFilesystem, isErrno, openRoot, reopen, thawFilesystem } from '@berth/linux';
import { brokenMountAt, brokenMountErrors } from './place.ts';

const maxThawTries = 5;

/**
 * Makes the filesystem mounted at the path stand still until disposed, everything written to it on its device.
 * One that somebody else has frozen stays frozen.
 * @throws GrpcError INTERNAL – it was shut down, or its device is gone: nothing can be taken of it as it is.
 */
export async function freeze(mountPoint: string): Promise<AsyncDisposable> {
  using stack = new DisposableStack();
  const root = stack.use(openMounted(mountPoint));
  let ours = true;
  try {
    await freezeFilesystem(root);
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error;
    ours = false;
  }
  const held = stack.move();
  return {
    [Symbol.asyncDispose]: async () => {
      using _held = held;
      if (ours) await thawSurely(root);
    },
  };
}

function openMounted(mountPoint: string): Fd {
  try {
    using handle = openRoot(mountPoint);
    return reopen(handle);
  } catch (error) {
    if (isErrno(error, ...brokenMountErrors)) throw brokenMountAt(mountPoint);
    throw error;
  }
}

/** Writers stand still until it succeeds, so one failure is not the end of it; another may have thawed it meanwhile. */
async function thawSurely(root: Fd): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await thawFilesystem(root);
      return;
    } catch (error) {
      if (isErrno(error, 'EINVAL')) return;
      if (tries >= maxThawTries) throw error;
    }
  }
}

/** Ends a freeze that a crash left. @returns whether it was frozen. */
export async function thaw(mountPoint: string): Promise<boolean> {
  using handle = openRoot(mountPoint);
  using root = reopen(handle);
  try {
    await thawFilesystem(root);
    return true;
  } catch (error) {
    if (isErrno(error, 'EINVAL')) return false;
    throw error;
  }
}
