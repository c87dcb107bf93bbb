import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { nearest, UserError } from "./errors.ts";

/**
 * Writes a file so that no reader, and no crash, ever sees part of it: the bytes go to a hidden file in the
 * same folder, are flushed to the disk, and take the target's name in one rename. Missing folders are made.
 *
 * A symbolic link at `path` is replaced, not followed. Into a device or a pipe, or a link to one (`/dev/stdout`), the
 * bytes are written as they come: it is not replaced.
 *
 * @throws UserError `CANOPY_FILE_UNWRITABLE` where the place does not allow it
 */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  try {
    await writeWhole(path, data);
  } catch (cause) {
    const why = UNWRITABLE[(cause as NodeJS.ErrnoException).code ?? ""];
    if (why === undefined) throw cause;
    throw new UserError("CANOPY_FILE_UNWRITABLE", `${path}: cannot be written: ${why}`, { cause });
  }
}

/** What the system says of a place that somebody named wrongly, or where there is no room. */
const UNWRITABLE: Readonly<Record<string, string>> = {
  EEXIST: "a part of its path is a file, expected a folder",
  ENOTDIR: "a part of its path is a file, expected a folder",
  EISDIR: "a folder has its name",
  ENOTEMPTY: "a folder has its name",
  EACCES: "no permission to write there",
  EPERM: "no permission to write there",
  EROFS: "it is on a file system that is read only",
  ENAMETOOLONG: "its name is too long",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota of disk space is used up",
};

async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  // A rename would put a file into the place of, say, /dev/null, for all programs.
  if (await isDeviceOrPipe(path)) return writeFile(path, data);
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const partial = join(folder, `.${basename(path)}.${randomUUID()}.partial`);
  try {
    const handle = await open(partial, "wx");
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
  } catch (error) {
    await unlink(partial).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}

async function isDeviceOrPipe(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && !found.isFile() && !found.isDirectory();
}

/** SHA-256 of a file's bytes, 64 hexadecimal digits; reads in pieces, so any size will do. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** SHA-256 of a text's UTF-8 bytes, 64 hexadecimal digits. */
export function sha256OfText(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/**
 * Reads a UTF-8 text file that the user named; a byte order mark is dropped.
 *
 * @param path as the user wrote it: messages repeat it
 * @param what the kind of file for messages, e.g. `experiment`
 * @throws UserError `CANOPY_FILE_MISSING` (with the nearest name in that folder) or `CANOPY_FILE_UNREADABLE`
 */
export async function readTextFile(path: string, what: string): Promise<string> {
  try {
    const text = await readFile(path, "utf8");
    return text.startsWith("\uFEFF") ? text.slice(1) : text;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new UserError("CANOPY_FILE_MISSING", `${what} ${path}: ${await whyMissing(path)}`, { cause });
    }
    const why =
      code === "EISDIR"
        ? "is a folder, expected a file"
        : code === "EACCES" || code === "EPERM"
          ? "no permission to read it"
          : `cannot be read (${code ?? String(cause)})`;
    throw new UserError("CANOPY_FILE_UNREADABLE", `${what} ${path}: ${why}`, { cause });
  }
}

async function whyMissing(path: string): Promise<string> {
  const folder = dirname(path);
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (error) {
    const isFile = (error as NodeJS.ErrnoException).code === "ENOTDIR";
    return isFile ? `${folder} is no folder` : `the folder ${folder} does not exist`;
  }
  const near = nearest(basename(path), names);
  return near === undefined ? "no such file" : `no such file (did you mean "${join(folder, near)}"?)`;
}

/** Makes the rename itself durable; some systems and file systems refuse to sync a folder, which is harmless. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}
