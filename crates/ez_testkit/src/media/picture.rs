//! The test picture: where the frame number is, how it is drawn and how it is read back.
//!
//! The picture is a grid of 16 x 9 cells. Rows 1 and 2 carry the number in columns 1 to 11:
//!
//! ```text
//! white  b15 b14 b13 b12 b11 b10 b9 b8  even-parity  black
//! black  b7  b6  b5  b4  b3  b2  b1 b0  odd-parity   white
//! ```
//!
//! The four corner cells are the references for white and black, so brightness may change. An
//! all-black, all-white or half-blended picture reads as nothing, never as a wrong number. Below
//! them is a panel that is white for the first tenth of each second (the flash that goes with the
//! beep); a texture scrolls behind all of it and the two lowest rows are noise, which keeps an
//! encoder at its bitrate.

/// Columns of the grid.
const COLUMNS: usize = 16;
/// Rows of the grid.
const ROWS: usize = 9;
/// Cells per line of the number, references included.
const CODE_COLUMNS: usize = 11;
/// Where the number begins in the grid (column, row).
const CODE_AT: (usize, usize) = (1, 1);
/// The flash panel: column, row, columns, rows.
const FLASH: (usize, usize, usize, usize) = (1, 4, 4, 2);
/// The first row of the noise.
const NOISE_ROW: usize = 7;

/// Width of the gray picture that [`read`] takes.
pub(crate) const READ_WIDTH: usize = 160;
/// Height of the gray picture that [`read`] takes.
pub(crate) const READ_HEIGHT: usize = 90;

/// Video black and white (limited range, ITU-R BT.709 table 4).
const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// Chroma without colour.
const NEUTRAL: u8 = 128;
/// White must be this much brighter than black, or there is no number in the picture.
const LEAST_CONTRAST: f64 = 80.0;
/// A cell counts as one colour only if it is this near to it on the scale from black (0) to white (1).
const TOLERANCE: f64 = 0.35;

/// Side of the texture's tile; a power of two.
const TILE: usize = 256;

/// The cells of the number, line by line.
type Code = [[bool; CODE_COLUMNS]; 2];

/// The cells that show a number.
fn encode(counter: u16) -> Code {
    let [high, low] = counter.to_be_bytes();
    let line = |byte: u8, first: bool, odd: bool| {
        let mut cells = [first; CODE_COLUMNS];
        for (bit, cell) in cells[1..9].iter_mut().enumerate() {
            *cell = byte & (0x80 >> bit) != 0;
        }
        cells[9] = (byte.count_ones() % 2 == 1) != odd;
        cells[10] = !first;
        cells
    };
    [line(high, true, false), line(low, false, true)]
}

/// The number that cells show, if they are exactly those of a number.
fn decode(code: &Code) -> Option<u16> {
    let byte =
        |line: &[bool; CODE_COLUMNS]| line[1..9].iter().fold(0u8, |byte, bit| byte << 1 | u8::from(*bit));
    let counter = u16::from_be_bytes([byte(&code[0]), byte(&code[1])]);
    (encode(counter) == *code).then_some(counter)
}

/// What was read from one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) counter: Option<u16>,
    pub(crate) flash: bool,
}

/// Reads a gray picture of [`READ_WIDTH`] x [`READ_HEIGHT`].
pub(crate) fn read(gray: &[u8]) -> Read {
    let cell = |line: usize, column: usize| mean(gray, CODE_AT.0 + column, CODE_AT.1 + line, 1, 1);
    let whites = [cell(0, 0), cell(1, CODE_COLUMNS - 1)];
    let blacks = [cell(0, CODE_COLUMNS - 1), cell(1, 0)];
    let (white, black) = (f64::midpoint(whites[0], whites[1]), f64::midpoint(blacks[0], blacks[1]));
    if white - black < LEAST_CONTRAST {
        return Read { counter: None, flash: false };
    }
    let level = |value: f64| (value - black) / (white - black);
    let mut code = [[false; CODE_COLUMNS]; 2];
    for (line, cells) in code.iter_mut().enumerate() {
        for (column, one) in cells.iter_mut().enumerate() {
            let level = level(cell(line, column));
            if (TOLERANCE..=1.0 - TOLERANCE).contains(&level) {
                return Read { counter: None, flash: false };
            }
            *one = level > 0.5;
        }
    }
    let flash = level(mean(gray, FLASH.0, FLASH.1, FLASH.2, FLASH.3)) > 0.5;
    Read { counter: decode(&code), flash }
}

/// Mean brightness of the inner part of some cells; their edges are blurred by the encoder.
fn mean(gray: &[u8], column: usize, row: usize, columns: usize, rows: usize) -> f64 {
    let (cell_width, cell_height) = (READ_WIDTH / COLUMNS, READ_HEIGHT / ROWS);
    let (margin_x, margin_y) = (cell_width / 5, cell_height / 5);
    let across = column * cell_width + margin_x..(column + columns) * cell_width - margin_x;
    let down = row * cell_height + margin_y..(row + rows) * cell_height - margin_y;
    let mut sum = 0u32;
    let mut count = 0u32;
    for y in down {
        for value in gray.get(y * READ_WIDTH + across.start..y * READ_WIDTH + across.end).unwrap_or_default()
        {
            sum += u32::from(*value);
            count += 1;
        }
    }
    f64::from(sum) / f64::from(count.max(1))
}

/// Draws frames as planar YUV 4:2:0.
pub(crate) struct Painter {
    width: usize,
    height: usize,
    /// The texture's rows, each wide enough for any horizontal offset.
    texture: Vec<Vec<u8>>,
    noise: Vec<u8>,
    frame: Vec<u8>,
}

impl Painter {
    /// Prepares the texture. Width and height must be even.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let mut random = 0x2545_f491u32;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            random.to_be_bytes()[0]
        };
        let texture = (0..TILE)
            .map(|y| {
                let tile: Vec<u8> = (0..TILE).map(|x| texel(x, y, next())).collect();
                tile.iter().copied().cycle().take(width + TILE).collect()
            })
            .collect();
        let noise = (0..(1 << 16) + width).map(|_| 64 + next() / 2).collect();
        Self { width, height, texture, noise, frame: vec![NEUTRAL; width * height * 3 / 2] }
    }

    /// The frame with this number; `motion` moves the texture, `flash` lights the panel.
    pub(crate) fn frame(&mut self, counter: u16, motion: usize, flash: bool) -> &[u8] {
        let (width, height) = (self.width, self.height);
        let noise_from = NOISE_ROW * height / ROWS;
        for y in 0..height {
            let row = if y < noise_from {
                let offset = motion * 4 % TILE;
                &self.texture[(y + motion * 2) % TILE][offset..offset + width]
            } else {
                let offset = (motion * 7919 + y * 104_729) % (1 << 16);
                &self.noise[offset..offset + width]
            };
            self.frame[y * width..(y + 1) * width].copy_from_slice(row);
        }
        let (chroma_width, chroma_height) = (width / 2, height / 2);
        for plane in 0..2 {
            for y in 0..chroma_height {
                let start = width * height + (plane * chroma_height + y) * chroma_width;
                let offset = (motion * (2 + plane)) % TILE;
                self.frame[start..start + chroma_width]
                    .copy_from_slice(&self.texture[(y + plane * 64) % TILE][offset..offset + chroma_width]);
            }
        }
        for (line, cells) in encode(counter).iter().enumerate() {
            for (column, one) in cells.iter().enumerate() {
                let value = if *one { WHITE } else { BLACK };
                self.fill((CODE_AT.0 + column, CODE_AT.1 + line, 1, 1), value);
            }
        }
        self.fill(FLASH, if flash { WHITE } else { BLACK });
        &self.frame
    }

    /// Fills some cells with one gray.
    fn fill(&mut self, (column, row, columns, rows): (usize, usize, usize, usize), value: u8) {
        let (width, height) = (self.width, self.height);
        let across = column * width / COLUMNS..(column + columns) * width / COLUMNS;
        for y in row * height / ROWS..(row + rows) * height / ROWS {
            self.frame[y * width + across.start..y * width + across.end].fill(value);
            let (chroma_width, chroma_height) = (width / 2, height / 2);
            for plane in 0..2 {
                let start = width * height + (plane * chroma_height + y / 2) * chroma_width;
                self.frame[start + across.start / 2..start + across.end / 2].fill(NEUTRAL);
            }
        }
    }
}

/// One point of the texture: crossing slopes that join at the tile's edges, and some grain.
fn texel(x: usize, y: usize, random: u8) -> u8 {
    let slope = |value: usize| {
        let value = value % TILE;
        value.min(TILE - 1 - value)
    };
    let value = 64 + slope(x + y) / 2 + slope(3 * x + TILE - y) / 4 + usize::from(random) / 12;
    u8::try_from(value).unwrap_or(WHITE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The luma of a frame drawn at exactly the size that is read.
    fn drawn(counter: u16, motion: usize, flash: bool) -> Vec<u8> {
        let mut painter = Painter::new(READ_WIDTH, READ_HEIGHT);
        painter.frame(counter, motion, flash)[..READ_WIDTH * READ_HEIGHT].to_vec()
    }

    #[test]
    fn every_number_has_cells_of_its_own() {
        for counter in 0..=u16::MAX {
            let code = encode(counter);
            assert_eq!(decode(&code), Some(counter));
        }
    }

    #[test]
    fn one_wrong_cell_never_reads_as_another_number() {
        for counter in (0..=u16::MAX).step_by(257) {
            for line in 0..2 {
                for column in 0..CODE_COLUMNS {
                    let mut code = encode(counter);
                    code[line][column] = !code[line][column];
                    assert_eq!(decode(&code), None, "{counter} {line} {column}");
                }
            }
        }
    }

    #[test]
    fn drawn_numbers_and_flash_read_back() {
        for (motion, counter) in (0..=u16::MAX).step_by(4099).enumerate() {
            let flash = motion % 2 == 0;
            assert_eq!(read(&drawn(counter, motion, flash)), Read { counter: Some(counter), flash });
        }
    }

    #[test]
    fn pictures_without_a_clear_number_read_as_nothing() {
        let blended: Vec<u8> =
            drawn(7, 0, false).iter().zip(drawn(8, 1, false)).map(|(a, b)| a.midpoint(b)).collect();
        let size = READ_WIDTH * READ_HEIGHT;
        for (what, gray) in
            [("black", vec![0; size]), ("white", vec![255; size]), ("blend", blended), ("short", vec![1; 9])]
        {
            assert_eq!(read(&gray).counter, None, "{what}");
        }
    }
}
