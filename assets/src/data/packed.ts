/**
 * Bytes that came as text: base64 of gzip, in one script or in several. For the page and for its worker, each with a
 * `load` of its own.
 */

export type Load = <T>(key: string) => Promise<T>;

/** What is wrong with a file of the site: missing, cut short, or something else in its place. */
export class LoadError extends Error {
  constructor(readonly file: string) {
    super(`cannot load ${file}`);
  }
}

/** Bytes in one script. */
export async function unpack(load: Load, key: string): Promise<Uint8Array<ArrayBuffer>> {
  return gunzip([fromBase64(await load<string>(key))], `${key}.js`);
}

/** Bytes in several scripts, so that progress shows; `onProgress` gets the share that is here. */
export async function unpackParts(
  load: Load,
  key: string,
  onProgress: (share: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const { parts, bytes } = await load<{ parts: number; bytes: number }>(key);
  let here = 0;
  let failed = false; // after which the parts still on their way say nothing more
  onProgress(0);
  const part = async (i: number) => {
    const chunk = fromBase64(await load<string>(`${key}.${i}`));
    here++;
    if (!failed) onProgress(here / parts);
    return chunk;
  };
  const chunks = await Promise.all(Array.from({ length: parts }, (_, i) => part(i))).catch((error: unknown) => {
    failed = true;
    throw error;
  });
  const whole = await gunzip(chunks, `${key}.js`);
  if (whole.length !== bytes) throw new LoadError(`${key}.js`);
  return whole;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function gunzip(chunks: Uint8Array<ArrayBuffer>[], file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    // Not a Blob's stream: WebKit cannot read a Blob in a worker of a file:// page.
    const packed = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(stream) {
        for (const chunk of chunks) stream.enqueue(chunk);
        stream.close();
      },
    });
    return new Uint8Array(await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
  } catch {
    throw new LoadError(file);
  }
}
