"""Training of networks that know what people notice: LASeR-JND, MTJND and ResJND."""
