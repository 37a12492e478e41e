//! A command as the fields of a stream entry, and back.

use redis::streams::StreamId;

use crate::Command;

/// Longest value of a malformed message that is kept, in characters.
const KEPT_VALUE: usize = 1024;
/// Most fields of a malformed message that are kept.
const KEPT_FIELDS: usize = 8;

pub(super) fn write(command: Command) -> Vec<(String, String)> {
    vec![
        ("job".to_owned(), command.job.to_string()),
        ("generation".to_owned(), command.generation.to_string()),
    ]
}

/// Reads a command, or says what is wrong with it.
pub(super) fn read(message: &StreamId) -> Result<Command, String> {
    let field = |name: &str| {
        message.get::<String>(name).ok_or_else(|| format!("the field `{name}` is missing or is no text"))
    };
    let job = field("job")?;
    let job = job.parse().map_err(|error| format!("`job` is no job id: {error}"))?;
    let generation = field("generation")?;
    let generation = generation.parse().map_err(|error| format!("`generation` is no number: {error}"))?;
    Ok(Command { job, generation })
}

/// What a person may want to see of a message that cannot be read.
pub(super) fn fields_of(message: &StreamId) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(KEPT_VALUE).collect::<String>();
    let mut fields: Vec<(String, String)> = message
        .map
        .iter()
        .map(|(name, value)| {
            let value = match value {
                redis::Value::BulkString(bytes) => text(bytes),
                other => text(format!("{other:?}").as_bytes()),
            };
            (text(name.as_bytes()), value)
        })
        .collect();
    fields.sort_unstable();
    fields.truncate(KEPT_FIELDS);
    fields
}

#[cfg(test)]
mod tests {
    use ez_domain::id::JobId;
    use redis::Value;
    use uuid::Uuid;

    use super::*;

    fn message(fields: &[(&str, &[u8])]) -> StreamId {
        let map = fields.iter().map(|(name, value)| ((*name).to_owned(), Value::BulkString(value.to_vec())));
        StreamId { id: "1-0".into(), map: map.collect(), ..StreamId::default() }
    }

    #[test]
    fn a_command_is_read_as_it_was_written() {
        let command = Command { job: JobId::from_uuid(Uuid::from_u128(5)), generation: u64::MAX };
        let fields = write(command);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(read(&message(&fields)), Ok(command));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let id = b"00000000-0000-0000-0000-000000000005".as_slice();
        for (fields, reason) in [
            (&[][..], "`job` is missing"),
            (&[("job", id)], "`generation` is missing"),
            (&[("job", b"\xff".as_slice()), ("generation", b"1")], "`job` is missing or is no text"),
            (&[("job", b"../x".as_slice()), ("generation", b"1")], "`job` is no job id"),
            (&[("job", id), ("generation", b"-1")], "`generation` is no number"),
        ] {
            let told = read(&message(fields)).unwrap_err();
            assert!(told.contains(reason), "{told}");
        }
    }

    #[test]
    fn only_a_part_of_a_huge_message_is_kept() {
        let huge = vec![b'x'; 1_000_000];
        let kept = fields_of(&message(&[("body", &huge), ("a", b"\xff1")]));
        assert_eq!(
            kept,
            [("a".to_owned(), "\u{fffd}1".to_owned()), ("body".to_owned(), "x".repeat(KEPT_VALUE))]
        );
    }
}
