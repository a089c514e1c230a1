/** Many points at once: WebGL, one draw call. 50,000 points redraw well within a frame. */

export interface Camera {
  /** Centre in data units, and how many data units half the height of the plot spans. */
  x: number;
  y: number;
  half: number;
}

export interface Scatter {
  /** x, y per point in data units; colour as r, g, b bytes per point. */
  points: (positions: Float32Array, colours: Uint8Array) => void;
  draw: (camera: Camera) => void;
  dispose: () => void;
}

const VERTEX = `
attribute vec2 at; attribute vec3 colour; uniform vec4 camera; uniform float size; varying vec3 shade;
void main() {
  gl_Position = vec4((at - camera.xy) / camera.zw, 0.0, 1.0);
  gl_PointSize = size;
  shade = colour;
}`;
const FRAGMENT = `
precision mediump float; varying vec3 shade;
void main() {
  float from = length(gl_PointCoord - 0.5);
  if (from > 0.5) discard;
  gl_FragColor = vec4(shade, 1.0) * smoothstep(0.5, 0.38, from) * 0.88;
}`;

function compiled(gl: WebGLRenderingContext, kind: number, source: string): WebGLShader {
  const shader = gl.createShader(kind)!;
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/** null where the browser has no WebGL. */
export function makeScatter(canvas: HTMLCanvasElement): Scatter | null {
  const gl = canvas.getContext("webgl", { antialias: true, premultipliedAlpha: true, preserveDrawingBuffer: true });
  if (!gl) return null;
  const program = gl.createProgram();
  gl.attachShader(program, compiled(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(program, compiled(gl, gl.FRAGMENT_SHADER, FRAGMENT));
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const [places, shades] = [gl.createBuffer(), gl.createBuffer()];
  let count = 0;
  const fill = (
    name: string,
    buffer: WebGLBuffer,
    data: Float32Array | Uint8Array,
    width: number,
    kind: number,
  ): void => {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    const at = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, width, kind, kind === gl.UNSIGNED_BYTE, 0, 0);
  };
  return {
    points: (positions, colours) => {
      count = positions.length / 2;
      fill("at", places, positions, 2, gl.FLOAT);
      fill("colour", shades, colours, 3, gl.UNSIGNED_BYTE);
    },
    draw: ({ x, y, half }) => {
      const density = devicePixelRatio || 1;
      [canvas.width, canvas.height] = [canvas.clientWidth * density, canvas.clientHeight * density];
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform4f(
        gl.getUniformLocation(program, "camera"),
        x,
        y,
        half * (canvas.width / (canvas.height || 1)),
        half,
      );
      gl.uniform1f(gl.getUniformLocation(program, "size"), pointSize(count) * density);
      if (count) gl.drawArrays(gl.POINTS, 0, count);
    },
    dispose: () => gl.getExtension("WEBGL_lose_context")?.loseContext(),
  };
}

const pointSize = (count: number): number => Math.max(2.5, Math.min(11, 260 / Math.sqrt(count || 1)));
